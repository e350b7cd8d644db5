//! The billing category: who pays for the time.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::UnknownWord;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, sqlx::Type)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "TEXT", rename_all = "lowercase")]
pub enum Category {
    Retainer,
    Project,
    /// Time and materials.
    Tm,
    Warranty,
}

impl Category {
    pub const ALL: [Category; 4] = [Category::Retainer, Category::Project, Category::Tm, Category::Warranty];

    pub fn as_str(self) -> &'static str {
        match self {
            Category::Retainer => "retainer",
            Category::Project => "project",
            Category::Tm => "tm",
            Category::Warranty => "warranty",
        }
    }
}

impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Category {
    type Err = UnknownWord;

    /// The exact word, any letter case.
    fn from_str(word: &str) -> Result<Category, UnknownWord> {
        Category::ALL
            .into_iter()
            .find(|category| category.as_str().eq_ignore_ascii_case(word))
            .ok_or_else(|| UnknownWord { what: "billing category", word: word.to_owned() })
    }
}
