//! How exact decimals become numbers of a column.

use arrow_schema::DataType;
use onetape_domain::decimal::{MAX_DECIMALS, canonical};
use rust_decimal::Decimal;

/// What prices, sizes and imbalances are in a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Decimals {
    /// `Decimal128`, exact: 38 digits, 12 of them decimals, as many as a stored value may have; imbalances 7 and 6.
    /// A value of more than 26 digits before the point does not fit and is an error, never rounded.
    #[default]
    Exact,
    /// `Float64`, the double nearest to the value: lossy beyond 15 significant digits.
    Float,
    /// `Utf8`, the canonical text: exact for every value there is, and no number to most programs.
    Text,
}

impl Decimals {
    /// `exact`, `float` or `text`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Exact => "exact",
            Self::Float => "float",
            Self::Text => "text",
        }
    }

    /// For the metadata of a schema.
    pub(crate) const fn note(self) -> &'static str {
        match self {
            Self::Exact => "exact: decimal128",
            Self::Float => "float: the nearest double, which is lossy",
            Self::Text => "text: exact, canonical",
        }
    }
}

/// Digits of an exact column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Digits {
    pub(crate) precision: u8,
    pub(crate) scale: u8,
}

impl Digits {
    /// Prices, sizes and their sums and differences: every decimal that a stored value may have.
    pub(crate) const AMOUNT: Self = Self { precision: 38, scale: MAX_DECIMALS as u8 };
    /// Half-way between two prices: one decimal more.
    pub(crate) const MIDDLE: Self = Self { precision: 38, scale: MAX_DECIMALS as u8 + 1 };
    /// Imbalances: from -1 to 1 with six decimals.
    pub(crate) const RATIO: Self = Self { precision: 7, scale: 6 };

    pub(crate) fn data_type(self, decimals: Decimals) -> DataType {
        match decimals {
            Decimals::Exact => DataType::Decimal128(self.precision, self.scale.cast_signed()),
            Decimals::Float => DataType::Float64,
            Decimals::Text => DataType::Utf8,
        }
    }

    /// The value in units of the last decimal, or what keeps it from fitting.
    pub(crate) fn scaled(self, value: Decimal) -> Result<i128, String> {
        let target = u32::from(self.scale);
        let mut mantissa = value.mantissa();
        if value.scale() <= target {
            let raised = 10_i128.checked_pow(target - value.scale()).and_then(|by| mantissa.checked_mul(by));
            mantissa = raised.ok_or_else(|| self.too_long())?;
        } else {
            // Trailing zeros alone may go.
            let by = 10_i128.pow(value.scale() - target);
            if mantissa % by != 0 {
                return Err(format!("has more than {target} decimals"));
            }
            mantissa /= by;
        }
        let limit = 10_u128.pow(u32::from(self.precision));
        if mantissa.unsigned_abs() >= limit { Err(self.too_long()) } else { Ok(mantissa) }
    }

    fn too_long(self) -> String {
        format!("has more than {} digits before the point", self.precision - self.scale)
    }
}

/// Powers of ten that a double holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
    1e19, 1e20, 1e21, 1e22,
];

/// Largest integer up to which a double holds all of them.
const WHOLE: i128 = 1 << 53;

/// The double nearest to a value.
pub(crate) fn nearest(value: Decimal) -> f64 {
    let mantissa = value.mantissa();
    let power = usize::try_from(value.scale()).ok().and_then(|scale| POWERS.get(scale));
    match power {
        // Both are exact, so their quotient is rounded once.
        Some(power) if mantissa.abs() <= WHOLE => mantissa as f64 / power,
        // Plain digits always parse.
        _ => canonical(value).parse().unwrap_or(f64::NAN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::from_str_exact(text).unwrap()
    }

    #[test]
    fn what_fits_is_scaled_and_what_does_not_says_why() {
        let amount = |text| Digits::AMOUNT.scaled(decimal(text));
        assert_eq!(amount("1.5"), Ok(1_500_000_000_000));
        assert_eq!(amount("0.000000000001"), Ok(1));
        assert_eq!(amount("-0.10"), Ok(-100_000_000_000));
        assert_eq!(amount("1.0000000000000000"), Ok(1_000_000_000_000));
        assert_eq!(amount("99999999999999999999999999"), Ok((10_i128.pow(26) - 1) * 10_i128.pow(12)));
        for (text, why) in [
            ("100000000000000000000000000", "more than 26 digits before the point"),
            ("9999999999999999999999999999", "more than 26 digits before the point"),
            ("0.0000000000001", "more than 12 decimals"),
        ] {
            assert!(amount(text).unwrap_err().contains(why), "{text}");
        }
        assert_eq!(Digits::RATIO.scaled(decimal("-1")), Ok(-1_000_000));
        assert!(Digits::RATIO.scaled(decimal("10")).is_err());
        assert_eq!(Digits::MIDDLE.scaled(decimal("0.0000000000005")), Ok(5));
    }

    proptest! {
        #[test]
        fn a_double_is_the_nearest_one(mantissa in -(1_i128 << 95)..1_i128 << 95, scale in 0_u32..=28) {
            let value = Decimal::from_i128_with_scale(mantissa, scale);
            prop_assert_eq!(nearest(value).to_bits(), canonical(value).parse::<f64>().unwrap().to_bits());
        }

        #[test]
        fn a_short_double_is_the_nearest_one(mantissa in -(1_i128 << 54)..1_i128 << 54, scale in 0_u32..=28) {
            let value = Decimal::from_i128_with_scale(mantissa, scale);
            prop_assert_eq!(nearest(value).to_bits(), canonical(value).parse::<f64>().unwrap().to_bits());
        }
    }
}
