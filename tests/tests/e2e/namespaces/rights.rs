//! What a ServiceAccount may do, as the API server says.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::Api;
use kube::api::PostParams;

/// A ServiceAccount, asked about by the administrator.
pub struct Account {
    pub client: kube::Client,
    pub namespace: String,
    pub name: String,
}

impl Account {
    /// Is it allowed to do this in a namespace, or in the whole cluster if that is empty? `what` is a verb, a resource
    /// with its group and subresource, and perhaps a name: `patch deployments.apps`, `patch externalsecrets/status.external-secrets.io db`.
    pub async fn may(&self, what: &str, namespace: &str) -> bool {
        let (verb, resource) = what.split_once(' ').unwrap();
        let (resource, name) = resource.split_once(' ').map_or((resource, None), |(one, name)| (one, Some(name)));
        let (resource, group) = resource.split_once('.').unwrap_or((resource, ""));
        let (resource, subresource) = resource.split_once('/').map_or((resource, None), |(one, sub)| (one, Some(sub)));
        let attributes = ResourceAttributes {
            group: Some(group.to_owned()),
            resource: Some(resource.to_owned()),
            subresource: subresource.map(str::to_owned),
            name: name.map(str::to_owned),
            namespace: Some(namespace.to_owned()),
            verb: Some(verb.to_owned()),
            ..ResourceAttributes::default()
        };
        let groups =
            ["system:serviceaccounts", "system:authenticated", &format!("system:serviceaccounts:{}", self.namespace)];
        let review = SubjectAccessReview {
            spec: SubjectAccessReviewSpec {
                user: Some(format!("system:serviceaccount:{}:{}", self.namespace, self.name)),
                groups: Some(groups.map(str::to_owned).to_vec()),
                resource_attributes: Some(attributes),
                ..SubjectAccessReviewSpec::default()
            },
            ..SubjectAccessReview::default()
        };
        let reviews: Api<SubjectAccessReview> = Api::all(self.client.clone());
        reviews.create(&PostParams::default(), &review).await.unwrap().status.unwrap().allowed
    }

    /// Those of `what` that are not answered as expected.
    pub async fn otherwise(&self, what: &[&str], namespace: &str, expected: bool) -> Vec<String> {
        let mut wrong = Vec::new();
        for one in what {
            if self.may(one, namespace).await != expected {
                wrong.push(format!("{one} in {namespace:?}"));
            }
        }
        wrong
    }
}
