-- What corrects an entry, and the work of a day: the weekly reports and billing look for them.
CREATE INDEX time_entry_by_corrects ON time_entry (corrects) WHERE corrects IS NOT NULL;
CREATE INDEX time_entry_by_day ON time_entry (work_date);
