-- Core: a number that another branch fills. This file goes when that branch is merged.
-- Safe beside a running release: it changes nothing.
SELECT 1;
