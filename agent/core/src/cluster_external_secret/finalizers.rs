//! What External Secrets Operator leaves on objects to be told before they go. Rekey needs none of it: owner references do
//! that work. It takes it away where nobody else would, so that nothing hangs.

/// On a ClusterExternalSecret: its ExternalSecrets are to be deleted first.
pub const CLEANUP: &str = "externalsecrets.external-secrets.io/clusterexternalsecret-cleanup";

/// On a namespace, before the name of the ClusterExternalSecret that has an ExternalSecret in it.
const IN_USE: &str = "externalsecrets.external-secrets.io/ces-";

/// The finalizers of a namespace that hold it up for nothing, in order: all of ESO's if it is being deleted, otherwise those of
/// ClusterExternalSecrets that are gone, or going.
#[must_use]
pub fn leftover(finalizers: &[String], terminating: bool, lives: impl Fn(&str) -> bool) -> Vec<String> {
    let is_left = |finalizer: &&String| finalizer.strip_prefix(IN_USE).is_some_and(|name| terminating || !lives(name));
    finalizers.iter().filter(is_left).cloned().collect()
}

/// The finalizers without these.
#[must_use]
pub fn without(finalizers: &[String], gone: &[String]) -> Vec<String> {
    finalizers.iter().filter(|finalizer| !gone.contains(finalizer)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_namespace_is_held_up_by_living_objects_only_and_not_once_it_is_going() {
        let all: Vec<String> =
            ["kubernetes", &format!("{IN_USE}here"), &format!("{IN_USE}gone"), "x.io/y"].map(str::to_owned).to_vec();
        let lives = |name: &str| name == "here";
        let gone = leftover(&all, false, lives);
        assert_eq!(gone, [format!("{IN_USE}gone")]);
        assert_eq!(without(&all, &gone), ["kubernetes", &format!("{IN_USE}here"), "x.io/y"]);
        assert_eq!(without(&all, &leftover(&all, true, lives)), ["kubernetes", "x.io/y"]);
    }
}
