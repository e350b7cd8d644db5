UPDATE address SET linked_at = '2026-03-02T09:00:00+00:00' WHERE contact = 1;
