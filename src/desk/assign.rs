//! Who gets the ticket: the skill, then the account's own tech, then the lightest load, then the least recently assigned.

use chrono::{DateTime, Utc};

use super::firm::{Firm, Tech};
use crate::words::{ClientKey, Login, Priority};

/// What the store knows of a tech's present work.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    pub tech: Login,
    /// Open tickets; waiting ones do not count.
    pub open: u32,
    /// Open tickets weighted by priority.
    pub weight: u32,
    pub last_assigned_at: Option<DateTime<Utc>>,
}

/// What one ticket weighs in a tech's load.
pub fn weight(priority: Priority) -> u32 {
    match priority {
        Priority::P1 => 8,
        Priority::P2 => 4,
        Priority::P3 => 2,
        Priority::P4 => 1,
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Choice {
    pub to: Option<Login>,
    /// In words, for `deskd why`.
    pub why: String,
    /// Every candidate was at capacity and the lightest got it all the same.
    pub all_full: bool,
}

/// `except` has already been passed over.
pub fn choose(
    firm: &Firm,
    loads: &[Load],
    skill: Option<&str>,
    priority: Priority,
    client: Option<&ClientKey>,
    except: &[Login],
) -> Choice {
    let able = |tech: &&Tech| skill.is_none_or(|skill| tech.skills.iter().any(|own| own == skill));
    let skilled: Vec<&Tech> = firm.techs.iter().filter(able).collect();
    let candidates: Vec<(&Tech, Load)> =
        skilled.iter().filter(|tech| !except.contains(&tech.login)).map(|tech| (*tech, load_of(tech, loads))).collect();
    let wanted = skill.map_or("anybody".to_owned(), |skill| format!("skill {skill}"));
    if candidates.is_empty() {
        let why = match skilled.len() {
            0 => format!("{wanted}: nobody has it"),
            _ => format!("{wanted}: everybody who has it has passed"),
        };
        return Choice { to: None, why, all_full: false };
    }
    let urgent = matches!(priority, Priority::P1 | Priority::P2);
    let free: Vec<_> = candidates.iter().filter(|(tech, load)| urgent || load.open < tech.capacity).collect();
    let all_full = free.is_empty();
    let field: Vec<&(&Tech, Load)> = if all_full { candidates.iter().collect() } else { free };
    let full = if all_full { ", all at capacity" } else { "" };
    let considered = format!("{wanted}{full}: {}", names(&field));
    if let Some(own) = own_tech(firm, client, &field) {
        return Choice {
            to: Some(own.clone()),
            why: format!("{considered}; {own} is the account's own tech"),
            all_full,
        };
    }
    let lightest = field.iter().min_by_key(|(tech, load)| (load.weight, load.last_assigned_at, tech.login.clone()));
    let Some((tech, load)) = lightest else {
        return Choice { to: None, why: considered, all_full };
    };
    let why = format!("{considered}; {} has the lightest load ({})", tech.login, load.weight);
    Choice { to: Some(tech.login.clone()), why, all_full }
}

fn load_of(tech: &Tech, loads: &[Load]) -> Load {
    let idle = || Load { tech: tech.login.clone(), open: 0, weight: 0, last_assigned_at: None };
    loads.iter().find(|load| load.tech == tech.login).cloned().unwrap_or_else(idle)
}

/// The account manager, if a candidate and under 1.2 times the candidates' median load.
fn own_tech(firm: &Firm, client: Option<&ClientKey>, field: &[&(&Tech, Load)]) -> Option<Login> {
    let own = firm.client(client?)?.account_manager.as_ref()?;
    let (_, load) = field.iter().find(|(tech, _)| tech.login == *own)?;
    let mut weights: Vec<u32> = field.iter().map(|(_, load)| load.weight).collect();
    weights.sort_unstable();
    let median = weights[weights.len() / 2];
    (load.weight * 10 <= median * 12).then(|| own.clone())
}

fn names(field: &[&(&Tech, Load)]) -> String {
    let each = |(tech, load): &&(&Tech, Load)| format!("{} (load {})", tech.login, load.weight);
    field.iter().map(each).collect::<Vec<_>>().join(", ")
}
