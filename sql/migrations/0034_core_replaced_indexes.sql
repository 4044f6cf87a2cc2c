-- Removes the indexes that longer ones of 0028 and 0030 replace, which begin with the same columns.
-- Safe beside a running release: the same readers have the longer index. Removing an index also makes the readers of its table wait, until the
-- commit. So this comes last, when all indexes are built.

-- squawk-ignore require-concurrent-index-deletion
DROP INDEX accounts.account_department;
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX accounts.account_job_title;
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX accounts.account_menu_item;
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX pos.product_supplier;
-- squawk-ignore require-concurrent-index-deletion
DROP INDEX pos.shop_order_seller;
