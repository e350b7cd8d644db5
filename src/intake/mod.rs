//! The one door: everything that arrives is kept, read, threaded, identified and acted upon here.

mod act;
mod action;
mod announce;
mod approval;
mod billing;
mod breaker;
mod case;
mod chat;
mod classify;
mod client;
mod committer;
mod conversation;
mod door;
mod enclosure;
mod fire;
mod gather;
mod hygiene;
mod instead;
mod letter;
mod link;
mod list;
mod maintain;
mod managers;
mod margin;
mod memo;
mod on_it;
mod one_person;
mod orders;
mod paging;
mod pending;
mod picture;
mod post;
mod pricing;
mod process;
mod quiet;
mod read;
mod receipt;
mod reckon;
mod relay;
mod review;
mod statement;
mod storm;
mod survey;
mod tech;
mod tech_new;
mod tell;
mod texting;
mod thread;
mod trial;
mod trust;
mod usage;
mod worker;
mod worklog;

pub use act::{act, fire_timer};
pub use action::{ActError, Action};
pub use billing::{
    approve_overage, bill, billing, draft as draft_billing, frozen as frozen_run, void as void_billing,
    waits as billing_waits,
};
pub use case::{Case, Deed, Office, Opening, Unit};
pub use committer::run as commit;
pub use door::{Arrival, Closed, Intake, Keep};
pub use gather::{lists, next_list};
pub use hygiene::{hygiene, waits as hygiene_waits};
pub use managers::{
    late_list, late_waits, source_down, undeliverable, undelivered, undelivered_waits, unsorted_digest,
    unsorted_is_urgent, unsorted_waits,
};
pub use margin::report as margin_report;
pub use pending::PendingChecks;
pub use pricing::{remind as remind_of_pricing, waits as pricing_waits};
pub use statement::{frozen, resend, statements, waits as statements_wait};
pub use survey::{Standing, rate};
pub use trial::{Trial, Tried};
pub use worker::{Changed, Worker};
pub use worklog::{NewTime, add_time, correct_time};
