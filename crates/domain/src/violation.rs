//! Why a value was refused: every broken rule with the field and the value that broke it.

use std::fmt;

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Violation {
    /// Dotted path of the field, such as `candle.high`.
    pub field: String,
    /// The offending value as text, cut to 64 characters.
    pub value: String,
    /// What the rule demands.
    pub reason: String,
}

impl Violation {
    /// Longest value kept for the report.
    pub const MAX_VALUE_CHARS: usize = 64;

    /// Builds a violation, cutting long values.
    pub fn new(field: impl Into<String>, value: impl fmt::Display, reason: impl Into<String>) -> Self {
        let mut value = value.to_string();
        if value.chars().count() > Self::MAX_VALUE_CHARS {
            value = value.chars().take(Self::MAX_VALUE_CHARS).collect::<String>() + "…";
        }
        Self { field: field.into(), value, reason: reason.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: got `{}`", self.field, self.reason, self.value)
    }
}

/// All rules a record broke; never empty when returned as an error.
#[derive(Debug, Clone, PartialEq, Eq, Default, serde::Serialize, serde::Deserialize)]
pub struct Violations(pub Vec<Violation>);

impl Violations {
    /// A report with one entry.
    pub fn one(field: impl Into<String>, value: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self(vec![Violation::new(field, value, reason)])
    }

    /// Adds an entry.
    pub fn push(&mut self, field: impl Into<String>, value: impl fmt::Display, reason: impl Into<String>) {
        self.0.push(Violation::new(field, value, reason));
    }

    /// `Ok(value)` when nothing was broken.
    ///
    /// # Errors
    /// The collected violations, if there are any.
    pub fn into_result<T>(self, value: T) -> Result<T, Violations> {
        if self.0.is_empty() { Ok(value) } else { Err(self) }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, violation) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("; ")?;
            }
            violation.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}
