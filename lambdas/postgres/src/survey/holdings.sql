-- What the second user ($2) holds by itself, in this database or in the whole cluster: the statement that gives it to
-- the first user ($1), the one that takes it from the second, and whether the first has it already.
--
-- What the second user owns is left out: privileges on it pass to the first user along with it. What it may pass on is
-- given and not taken, because others may have theirs from it.
WITH pair AS (
    SELECT one.oid AS one, two.oid AS two FROM pg_roles one, pg_roles two WHERE one.rolname = $1 AND two.rolname = $2
), held (owner, acl, columns, object) AS (
    SELECT relowner, relacl, '',
           CASE relkind WHEN 'S' THEN 'SEQUENCE ' ELSE 'TABLE ' END || format('%I.%I', nspname, relname)
      FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    UNION ALL
    SELECT relowner, attacl, format(' (%I)', attname), format('TABLE %I.%I', nspname, relname)
      FROM pg_attribute JOIN pg_class c ON c.oid = attrelid JOIN pg_namespace n ON n.oid = relnamespace
     WHERE NOT attisdropped
    UNION ALL SELECT proowner, proacl, '', format('ROUTINE %s', oid::regprocedure) FROM pg_proc
    UNION ALL SELECT typowner, typacl, '', format('TYPE %I.%I', nspname, typname)
      FROM pg_type JOIN pg_namespace n ON n.oid = typnamespace
    UNION ALL SELECT nspowner, nspacl, '', format('SCHEMA %I', nspname) FROM pg_namespace
    UNION ALL SELECT datdba, datacl, '', format('DATABASE %I', datname) FROM pg_database
    UNION ALL SELECT spcowner, spcacl, '', format('TABLESPACE %I', spcname) FROM pg_tablespace
    UNION ALL SELECT lanowner, lanacl, '', format('LANGUAGE %I', lanname) FROM pg_language
    UNION ALL SELECT fdwowner, fdwacl, '', format('FOREIGN DATA WRAPPER %I', fdwname) FROM pg_foreign_data_wrapper
    UNION ALL SELECT srvowner, srvacl, '', format('FOREIGN SERVER %I', srvname) FROM pg_foreign_server
    UNION ALL SELECT lomowner, lomacl, '', format('LARGE OBJECT %s', oid) FROM pg_largeobject_metadata
), defaults (role, grantee, prefix, privilege, is_grantable) AS (
    SELECT defaclrole, grantee, CASE WHEN defaclnamespace <> 0 THEN format('IN SCHEMA %I ', nspname) ELSE '' END,
           format('%s ON %s', privilege_type, CASE defaclobjtype
               WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'FUNCTIONS' WHEN 'T' THEN 'TYPES'
               WHEN 'n' THEN 'SCHEMAS' ELSE 'LARGE OBJECTS' END),
           is_grantable
      FROM pg_default_acl LEFT JOIN pg_namespace n ON n.oid = defaclnamespace, aclexplode(defaclacl)
)
-- privileges
SELECT format('GRANT %s%s ON %s TO %I', privilege_type, columns, object, $1)
       || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END AS give,
       CASE WHEN NOT is_grantable THEN format('REVOKE %s%s ON %s FROM %I', privilege_type, columns, object, $2) END AS take,
       pg_has_role(one, owner, 'USAGE') OR EXISTS (
           SELECT FROM aclexplode(acl) mine
            WHERE mine.privilege_type = theirs.privilege_type AND (mine.is_grantable OR NOT theirs.is_grantable)
              AND (mine.grantee = 0 OR pg_has_role(one, mine.grantee, 'USAGE'))) AS shared
  FROM pair, held, aclexplode(acl) theirs
 WHERE grantee = two AND owner <> two
UNION ALL
-- privileges on what others will create, for it; and on what it will create, for others: it creates as the first user now
SELECT format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %sGRANT %s TO %s', r.new, prefix, privilege, g.new)
       || CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END,
       format('ALTER DEFAULT PRIVILEGES FOR ROLE %I %sREVOKE %s FROM %s', r.old, prefix, privilege, g.old),
       false
  FROM pair, defaults,
       LATERAL (SELECT pg_get_userbyid(role) AS old, CASE role WHEN two THEN $1 ELSE pg_get_userbyid(role) END AS new) r,
       LATERAL (SELECT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE format('%I', pg_get_userbyid(grantee)) END AS old,
                       CASE grantee WHEN 0 THEN 'PUBLIC' WHEN two THEN format('%I', $1)
                                    ELSE format('%I', pg_get_userbyid(grantee)) END AS new) g
 WHERE (role = two) <> (grantee = two)
UNION ALL
-- memberships, but not in roles that are members of the first user themselves
SELECT DISTINCT format('GRANT %I TO %I', rolname, $1) || CASE WHEN admin_option THEN ' WITH ADMIN OPTION' ELSE '' END,
       CASE WHEN NOT admin_option THEN format('REVOKE %I FROM %I', rolname, $2) END,
       pg_has_role(one, roleid, CASE WHEN admin_option THEN 'MEMBER WITH ADMIN OPTION' ELSE 'MEMBER' END)
  FROM pair, pg_auth_members JOIN pg_roles r ON r.oid = roleid
 WHERE member = two AND roleid <> one AND NOT pg_has_role(roleid, one, 'MEMBER')
UNION ALL
-- row policies for it
SELECT format('ALTER POLICY %I ON %I.%I TO %s', polname, nspname, relname, (
           SELECT string_agg(DISTINCT CASE role WHEN two THEN format('%I', $1) ELSE format('%I', pg_get_userbyid(role)) END, ', ')
             FROM unnest(polroles) role)),
       NULL, false
  FROM pair, pg_policy JOIN pg_class c ON c.oid = polrelid JOIN pg_namespace n ON n.oid = relnamespace
 WHERE two = ANY (polroles)
