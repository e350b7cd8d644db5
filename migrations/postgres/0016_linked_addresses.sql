-- When somebody showed that this address too is the contact's: it comes behind the one that the contact had.
ALTER TABLE address ADD COLUMN linked_at TIMESTAMPTZ;
