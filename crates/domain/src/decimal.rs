//! Exact prices and quantities: parsed without rounding, printed without exponent or trailing zeros.

use std::fmt;
use std::ops::Deref;

/// An exact decimal number, as the crate `rust_decimal` has it.
pub use rust_decimal::Decimal;
use rust_decimal::RoundingStrategy;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::violation::Violations;

/// Most decimals a stored price or quantity may have.
pub const MAX_DECIMALS: u32 = 12;
/// Most significant digits a stored value may have.
pub const MAX_DIGITS: u32 = 28;
/// Decimals of an imbalance.
pub const IMBALANCE_DECIMALS: u32 = 6;

const MANTISSA_LIMIT: i128 = 10_i128.pow(MAX_DIGITS);

/// Parses a plain decimal exactly.
///
/// # Errors
/// A violation for text that is no plain decimal (exponents, NaN and infinities included), and for
/// values over [`MAX_DIGITS`] significant digits or [`MAX_DECIMALS`] decimals.
pub fn parse_exact(field: &str, text: &str) -> Result<Decimal, Violations> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.' || b == b'-');
    if !plain {
        return Err(Violations::one(field, text, "must be a plain decimal number"));
    }
    let value = Decimal::from_str_exact(text)
        .map_err(|_| Violations::one(field, text, "must be a decimal of at most 28 digits"))?;
    check_limits(field, value)
}

/// Checks a decimal against the storage limits; see [`parse_exact`].
///
/// # Errors
/// A violation naming the limit.
pub fn check_limits(field: &str, value: Decimal) -> Result<Decimal, Violations> {
    let over_scale = value.scale() > MAX_DECIMALS && value.normalize().scale() > MAX_DECIMALS;
    if over_scale {
        return Err(Violations::one(field, value, "must have at most 12 decimals"));
    }
    if value.mantissa().abs() >= MANTISSA_LIMIT && value.normalize().mantissa().abs() >= MANTISSA_LIMIT {
        return Err(Violations::one(field, value, "must have at most 28 significant digits"));
    }
    Ok(value)
}

/// Writes a decimal canonically: no exponent, no trailing zeros, no negative zero.
pub fn canonical(value: Decimal) -> String {
    if value.is_zero() { "0".to_owned() } else { value.normalize().to_string() }
}

/// `(bid − ask) / (bid + ask)` rounded half-even to six places; `None` when both are zero.
pub fn imbalance(bid: Decimal, ask: Decimal) -> Option<Decimal> {
    let total = bid.checked_add(ask)?;
    if total.is_zero() {
        return None;
    }
    (bid - ask).checked_div(total).map(round_imbalance)
}

/// Rounds half-even to the decimals of an imbalance.
pub fn round_imbalance(value: Decimal) -> Decimal {
    value.round_dp_with_strategy(IMBALANCE_DECIMALS, RoundingStrategy::MidpointNearestEven)
}

/// Serde for a canonical decimal string, for fields that are neither price nor quantity.
pub mod text {
    use super::{Decimal, Deserialize, Deserializer, Serializer, canonical};

    /// Serialises as a canonical string.
    ///
    /// # Errors
    /// What the serializer reports.
    pub fn serialize<S: Serializer>(value: &Decimal, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&canonical(*value))
    }

    /// Parses a decimal string exactly.
    ///
    /// # Errors
    /// Text that is no exact decimal.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Decimal::from_str_exact(&text).map_err(serde::de::Error::custom)
    }

    /// The same for optional values; undefined is null.
    pub mod option {
        use super::{Decimal, Deserialize, Deserializer, Serializer, canonical};

        /// Serialises as a canonical string or null.
        ///
        /// # Errors
        /// What the serializer reports.
        pub fn serialize<S: Serializer>(value: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
            match value {
                Some(value) => serializer.serialize_str(&canonical(*value)),
                None => serializer.serialize_none(),
            }
        }

        /// Parses a decimal string or null.
        ///
        /// # Errors
        /// Text that is no exact decimal.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
            let text = Option::<String>::deserialize(deserializer)?;
            text.map(|text| Decimal::from_str_exact(&text).map_err(serde::de::Error::custom)).transpose()
        }
    }
}

macro_rules! exact {
    ($(#[$doc:meta])* $name:ident, $rule:literal, $refused:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Decimal);

        impl $name {
            /// Validates a decimal.
            ///
            /// # Errors
            /// A violation naming the broken rule: sign, digits or decimals.
            pub fn try_new(field: &str, value: Decimal) -> Result<Self, Violations> {
                let refused: fn(&Decimal) -> bool = $refused;
                if refused(&value) {
                    return Err(Violations::one(field, value, $rule));
                }
                check_limits(field, value).map(Self)
            }

            /// Parses and validates text; see [`parse_exact`].
            ///
            /// # Errors
            /// A violation naming the broken rule.
            pub fn parse(field: &str, text: &str) -> Result<Self, Violations> {
                Self::try_new(field, parse_exact(field, text)?)
            }

            /// The decimal inside.
            pub fn get(self) -> Decimal {
                self.0
            }
        }

        impl Deref for $name {
            type Target = Decimal;
            fn deref(&self) -> &Decimal {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&canonical(self.0))
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&canonical(self.0))
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(stringify!($name), &text).map_err(serde::de::Error::custom)
            }
        }
    };
}

exact!(
    /// A price: positive, exact, at most 28 digits and 12 decimals.
    Price,
    "must be positive",
    |value| value.is_zero() || value.is_sign_negative()
);
exact!(
    /// An amount of the base asset (contracts on derivatives): zero or positive, exact.
    Quantity,
    "must not be negative",
    |value| value.is_sign_negative() && !value.is_zero()
);

impl Quantity {
    /// No quantity.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Exact sum, or `None` where 28 digits do not hold it.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        let sum = self.0.checked_add(other.0)?;
        // Past 96 bits the library drops decimals instead of failing.
        let exact = sum.scale() == self.0.scale().max(other.0.scale()) && sum.mantissa() < MANTISSA_LIMIT;
        exact.then_some(Self(sum))
    }
}
