//! Looks at what a server has of two users that take turns.
//!
//! Each query is sent with its parameters' types and as an unnamed statement, which poolers let through.

use std::collections::BTreeMap;

use tokio_postgres::types::{ToSql, Type};
use tokio_postgres::{Client, Error, Row};

use crate::command::Holding;
use crate::pair::{Attributes, Known, Membership, Pair, Parameter, Rights, Role};

const ROLES: &str = "SELECT rolname::text, rolconnlimit, coalesce(rolvaliduntil::text, 'infinity'), rolinherit
  FROM pg_roles WHERE rolname IN ($1, $2)";

const SETTINGS: &str =
    "SELECT rolname::text, datname::text, split_part(entry, '=', 1), substr(entry, strpos(entry, '=') + 1)
  FROM pg_db_role_setting JOIN pg_roles r ON r.oid = setrole LEFT JOIN pg_database d ON d.oid = setdatabase,
       unnest(setconfig) entry
 WHERE rolname IN ($1, $2)";

const ACTING: &str = "SELECT datname::text, owner.rolname::text
  FROM pg_db_role_setting JOIN pg_database d ON d.oid = setdatabase, unnest(setconfig) entry, pg_roles owner, pg_roles one
 WHERE setrole = 0 AND entry = 'role=' || owner.rolname AND one.rolname = $1 AND pg_has_role(one.oid, owner.oid, 'MEMBER')";

/// Until PostgreSQL 16 a role inherits from all roles that it is a member of, or from none, and is a member but once.
/// Since then it may be once for each grantor, and what a role grants itself it takes back from itself.
///
/// Options of a membership are columns that PostgreSQL 16 brought. What is recorded of default privileges and user
/// mappings is no ownership that could be passed on.
const STANDING: &str = "WITH one AS (SELECT oid FROM pg_roles WHERE rolname = $1), two AS (SELECT oid FROM pg_roles WHERE rolname = $2),
     me AS (SELECT oid, rolinherit FROM pg_roles WHERE rolname = current_user)
SELECT (SELECT bool_or(coalesce((to_jsonb(m) ->> 'inherit_option')::bool AND (to_jsonb(m) ->> 'set_option')::bool, true))
          FROM pg_auth_members m, one, two WHERE m.roleid = one.oid AND m.member = two.oid),
       (SELECT pg_has_role(oid, 'USAGE') FROM two),
       (SELECT CASE WHEN current_setting('server_version_num')::int < 160000 THEN NOT rolinherit
                    ELSE EXISTS (SELECT FROM pg_auth_members m, two
                                  WHERE m.roleid = two.oid AND m.member = me.oid AND m.grantor = me.oid) END FROM me),
       coalesce(bool_or(here AND deptype = 'o' AND classid NOT IN ('pg_default_acl'::regclass, 'pg_user_mapping'::regclass)), false),
       CASE WHEN bool_or(NOT here) THEN current_database()::text END
  FROM pg_shdepend, LATERAL (SELECT dbid IN (0, (SELECT oid FROM pg_database WHERE datname = current_database())) AS here) place
 WHERE refclassid = 'pg_authid'::regclass AND refobjid = (SELECT oid FROM two)";

const HOLDINGS: &str = include_str!("survey/holdings.sql");

/// Privileges on parameters, which PostgreSQL 15 brought.
const PARAMETERS: &str = "SELECT format('GRANT %s ON PARAMETER %I TO %I', privilege_type, parname, $1),
       format('REVOKE %s ON PARAMETER %I FROM %I', privilege_type, parname, $2),
       EXISTS (SELECT FROM aclexplode(paracl) mine, pg_roles one
                WHERE rolname = $1 AND mine.privilege_type = theirs.privilege_type
                  AND (mine.grantee = 0 OR pg_has_role(one.oid, mine.grantee, 'USAGE')))
  FROM pg_parameter_acl, aclexplode(paracl) theirs
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
    let mut acting = BTreeMap::new();
    for row in client.query_typed(ACTING, &names[..1]).await? {
        acting.insert(row.try_get(0)?, row.try_get(1)?);
    }
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
        rights: match (standing.try_get(1)?, standing.try_get(2)?) {
            (Some(true), _) => Rights::Held,
            (_, Some(true)) => Rights::Withheld,
            (_, Some(false) | None) => Rights::Borrowable,
        },
        owns: standing.try_get(3)?,
        holdings,
        only_here: standing.try_get(4)?,
        acting,
    })
}

fn role(row: &Row) -> Result<Role, Error> {
    let attributes = Attributes { connections: row.try_get(1)?, until: row.try_get(2)?, inherits: row.try_get(3)? };
    Ok(Role { attributes, settings: BTreeMap::new() })
}

fn holding(row: &Row) -> Result<Holding, Error> {
    Ok(Holding { give: row.try_get(0)?, take: row.try_get(1)?, shared: row.try_get(2)? })
}
