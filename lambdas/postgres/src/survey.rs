//! Looks at what a server has of two users that take turns.
//!
//! Each query is sent with its parameters' types and as an unnamed statement, which poolers let through.

use std::collections::BTreeMap;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use crate::command::Holding;
use crate::pair::{Attributes, Known, Membership, Pair, Parameter, Role};

const ROLES: &str = "SELECT rolname::text, rolconnlimit, coalesce(rolvaliduntil::text, 'infinity'), rolinherit
  FROM pg_roles WHERE rolname IN ($1, $2)";

const SETTINGS: &str =
    "SELECT rolname::text, datname::text, split_part(entry, '=', 1), substr(entry, strpos(entry, '=') + 1)
  FROM pg_db_role_setting JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = setdatabase,
       unnest(setconfig) entry
 WHERE rolname IN ($1, $2)";

/// Options of a membership are columns that PostgreSQL 16 brought. What is recorded of default privileges and user
/// mappings is no ownership that could be passed on.
const STANDING: &str = "WITH one AS (SELECT oid FROM pg_roles WHERE rolname = $1), two AS (SELECT oid FROM pg_roles WHERE rolname = $2)
SELECT (SELECT bool_or(coalesce((to_jsonb(m) ->> 'inherit_option')::bool AND (to_jsonb(m) ->> 'set_option')::bool, true))
          FROM pg_auth_members m, one, two WHERE m.roleid = one.oid AND m.member = two.oid),
       coalesce((SELECT pg_has_role(oid, 'USAGE') FROM two), false),
       coalesce(bool_or(here AND deptype = 'o' AND classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)), false),
       CASE WHEN bool_or(NOT here) THEN current_database()::text END
  FROM pg_shdepend, LATERAL (SELECT dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) AS here) place
 WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM two)";

const HOLDINGS: &str = include_str!("survey/holdings.sql");

/// Privileges on parameters, which PostgreSQL 15 brought.
const PARAMETERS: &str = "SELECT format('GRANT %s ON PARAMETER %I TO %I', privilege_type, parname, $1),
       format('REVOKE %s ON PARAMETER %I FROM %I', privilege_type, parname, $2)
  FROM pg_parameter_acl, aclexplode(paracl)
 WHERE grantee = (SELECT oid FROM pg_roles WHERE rolname = $2)";
const PARAMETERS_HAVE_PRIVILEGES: u32 = 150_000;

/// What the server has of the pair.
pub async fn look_at(client: &Client, version: u32, pair: &Pair) -> Result<Known, Error> {
    let names: &[(&(dyn ToSql + Sync), Type)] = &[(&pair.first, Type::TEXT), (&pair.second, Type::TEXT)];
    let mut roles = BTreeMap::new();
    for row in client.query_typed(ROLES, names).await? {
        roles.insert(row.try_get::<_, String>(0)?, role(&row)?);
    }
    for row in client.query_typed(SETTINGS, names).await? {
        if let Some(role) = roles.get_mut(&row.try_get::<_, String>(0)?) {
            role.settings.insert(Parameter { database: row.try_get(1)?, name: row.try_get(2)? }, row.try_get(3)?);
        }
    }
    let standing = client.query_typed_one(STANDING, names).await?;
    let mut holdings = Vec::new();
    for row in client.query_typed(HOLDINGS, names).await? {
        holdings.push(holding(&row)?);
    }
    if version >= PARAMETERS_HAVE_PRIVILEGES {
        for row in client.query_typed(PARAMETERS, names).await? {
            holdings.push(holding(&row)?);
        }
    }
    Ok(Known {
        first: roles.remove(&pair.first),
        second: roles.remove(&pair.second),
        membership: match standing.try_get(0)? {
            None => Membership::None,
            Some(false) => Membership::Restricted,
            Some(true) => Membership::Full,
        },
        rights: standing.try_get(1)?,
        owns: standing.try_get(2)?,
        holdings,
        only_here: standing.try_get(3)?,
    })
}

fn role(row: &Row) -> Result<Role, Error> {
    let attributes = Attributes { connections: row.try_get(1)?, until: row.try_get(2)?, inherits: row.try_get(3)? };
    Ok(Role { attributes, settings: BTreeMap::new() })
}

fn holding(row: &Row) -> Result<Holding, Error> {
    Ok(Holding { give: row.try_get(0)?, take: row.try_get(1)? })
}
