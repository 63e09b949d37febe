//! IAM: users, roles, and the providers of web identities.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::{ACCOUNT, Aws, Caller, User};

impl Aws {
    /// Creates an IAM user with an inline policy of this statement.
    pub async fn create_user_with(&self, name: &str, statement: &Value) -> Result<User> {
        self.cli(&["iam", "create-user", "--user-name", name]).await?;
        let policy = policy(statement);
        let put = ["iam", "put-user-policy", "--user-name", name, "--policy-name", "own", "--policy-document", &policy];
        self.cli(&put).await?;
        self.create_access_key(name).await
    }

    /// Makes a further access key of an IAM user.
    pub async fn create_access_key(&self, user: &str) -> Result<User> {
        let answer = self.cli(&["iam", "create-access-key", "--user-name", user]).await?;
        let field = |field: &str| answer["AccessKey"][field].as_str().map(str::to_owned);
        let (access_key, secret_key) = field("AccessKeyId").zip(field("SecretAccessKey")).context("no key was made")?;
        Ok(User { access_key, secret_key })
    }

    /// Deletes an access key.
    pub async fn delete_access_key(&self, user: &str, key: &User) -> Result<()> {
        let delete = ["iam", "delete-access-key", "--user-name", user, "--access-key-id", &key.access_key];
        self.cli(&delete).await.map(drop)
    }

    /// Creates a role with this trust policy (a statement without its Effect) and an inline policy of `statement`.
    /// Returns its ARN.
    pub async fn create_role(&self, name: &str, trust: &Value, statement: &Value) -> Result<String> {
        let (trust, own) = (policy(trust), policy(statement));
        self.cli(&["iam", "create-role", "--role-name", name, "--assume-role-policy-document", &trust]).await?;
        let put = ["iam", "put-role-policy", "--role-name", name, "--policy-name", "own", "--policy-document", &own];
        self.cli(&put).await?;
        Ok(format!("arn:aws:iam::{ACCOUNT}:role/{name}"))
    }

    /// Replaces the trust policy of a role.
    pub async fn set_trust(&self, role: &str, trust: &Value) -> Result<()> {
        let trust = policy(trust);
        let update = ["iam", "update-assume-role-policy", "--role-name", role, "--policy-document", &trust];
        self.cli(&update).await.map(drop)
    }

    /// Lets AWS know an issuer of tokens for these audiences. Returns the provider's ARN.
    pub async fn create_oidc_provider(&self, issuer: &str, audiences: &[&str]) -> Result<String> {
        let create = ["iam", "create-open-id-connect-provider", "--url", issuer, "--client-id-list"];
        let answer = self.cli(&[&create, audiences].concat()).await?;
        Ok(answer["OpenIDConnectProviderArn"].as_str().context("no provider was made")?.to_owned())
    }
}

/// The same for tests that make many of them; the policies are whole documents.
impl Caller {
    /// Creates an IAM user with this inline policy.
    pub async fn create_user(&self, name: &str, document: &Value) -> Result<User> {
        self.call("iam.CreateUser", &json!({"UserName": name})).await?;
        self.set_user_policy(name, document).await?;
        self.create_access_key(name).await
    }

    /// Replaces that policy.
    pub async fn set_user_policy(&self, user: &str, document: &Value) -> Result<()> {
        let put = json!({"UserName": user, "PolicyName": "own", "PolicyDocument": document.to_string()});
        self.call("iam.PutUserPolicy", &put).await.map(drop)
    }

    /// Makes a further access key of an IAM user.
    pub async fn create_access_key(&self, user: &str) -> Result<User> {
        let answer = self.call("iam.CreateAccessKey", &json!({"UserName": user})).await?;
        let field = |name: &str| {
            let (_, rest) = answer.as_str()?.split_once(&format!("<{name}>"))?;
            rest.split_once("</").map(|(text, _)| text.to_owned())
        };
        let (access_key, secret_key) = field("AccessKeyId").zip(field("SecretAccessKey")).context("no key was made")?;
        Ok(User { access_key, secret_key })
    }

    /// Creates a role with this trust policy (a statement without its Effect) and this inline policy. Returns its ARN.
    pub async fn create_role(&self, name: &str, trust: &Value, document: &Value) -> Result<String> {
        let create = json!({"RoleName": name, "AssumeRolePolicyDocument": policy(trust)});
        self.call("iam.CreateRole", &create).await?;
        self.set_role_policy(name, "own", document).await?;
        Ok(format!("arn:aws:iam::{}:role/{name}", self.account))
    }

    /// Replaces a role's inline policy of that name, or adds it.
    pub async fn set_role_policy(&self, role: &str, name: &str, document: &Value) -> Result<()> {
        let put = json!({"RoleName": role, "PolicyName": name, "PolicyDocument": document.to_string()});
        self.call("iam.PutRolePolicy", &put).await.map(drop)
    }
}

fn policy(statement: &Value) -> String {
    let mut statement = statement.clone();
    statement["Effect"] = json!("Allow");
    json!({"Version": "2012-10-17", "Statement": [statement]}).to_string()
}
