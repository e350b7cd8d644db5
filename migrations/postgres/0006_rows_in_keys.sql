-- Nothing to do: SQLite's tables with a key of their own get one b-tree instead of two. The number is taken here too, so that both
-- databases tell the same version.
SELECT 1;
