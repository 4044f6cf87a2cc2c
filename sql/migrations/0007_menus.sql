-- Menus: the entries of the staff client's navigation, and who is shown which (contracts/sales.md, 6).
-- Safe beside a running release: creates new objects only.

CREATE TABLE accounts.menu_item (
    id        uuid         NOT NULL DEFAULT gen_random_uuid() PRIMARY KEY,
    name      varchar(100) NOT NULL,
    code      varchar(50)  NOT NULL,
    icon      varchar(50)  NOT NULL DEFAULT '',
    url       varchar(200) NOT NULL DEFAULT '',
    parent_id uuid         REFERENCES accounts.menu_item ON DELETE CASCADE,
    place     integer      NOT NULL DEFAULT 0,   -- among its siblings; `order` in the API
    is_active boolean      NOT NULL DEFAULT true,
    CONSTRAINT menu_item_code_key UNIQUE (code)
);
CREATE INDEX menu_item_parent ON accounts.menu_item (parent_id);

CREATE TABLE accounts.account_menu (
    id           uuid        NOT NULL DEFAULT gen_random_uuid(),   -- of the assignment, as the API shows it
    account_id   bigint      NOT NULL REFERENCES accounts.account ON DELETE CASCADE,
    menu_item_id uuid        NOT NULL REFERENCES accounts.menu_item ON DELETE CASCADE,
    assigned_by  bigint      REFERENCES accounts.account ON DELETE SET NULL,
    assigned_at  timestamptz NOT NULL DEFAULT now(),
    is_active    boolean     NOT NULL DEFAULT true,
    PRIMARY KEY (account_id, menu_item_id)
);
CREATE INDEX account_menu_item ON accounts.account_menu (menu_item_id);
CREATE INDEX account_menu_assigned_by ON accounts.account_menu (assigned_by) WHERE assigned_by IS NOT NULL;

-- One person's tree: roots assigned to them, with those of their children that are too; two levels, active ones only.
CREATE FUNCTION accounts.menu_tree(person bigint) RETURNS json LANGUAGE sql STABLE PARALLEL SAFE AS $$
    WITH own AS (
        SELECT m.id, m.name, m.code, m.icon, m.url, m.place AS "order", m.parent_id
          FROM accounts.account_menu am JOIN accounts.menu_item m ON m.id = am.menu_item_id
         WHERE am.account_id = person AND am.is_active AND m.is_active
    )
    SELECT coalesce(json_agg(json_build_object(
               'id', root.id, 'name', root.name, 'code', root.code, 'icon', root.icon, 'url', root.url, 'order', root."order",
               'children', (SELECT coalesce(json_agg(json_build_object(
                                       'id', child.id, 'name', child.name, 'code', child.code, 'icon', child.icon,
                                       'url', child.url, 'order', child."order") ORDER BY child."order", child.code), '[]')
                              FROM own child WHERE child.parent_id = root.id)) ORDER BY root."order", root.code), '[]')
      FROM own root WHERE root.parent_id IS NULL
$$;
