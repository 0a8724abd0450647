//! Values of a column as exact decimals; of floats the shortest decimal that is their own, or that one rounded.

use std::cmp::Ordering;
use std::io::Write as _;

use arrow_array::cast::AsArray as _;
use arrow_array::types::{
    ArrowPrimitiveType, Decimal128Type, Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type,
    UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, Decimal128Array, Float32Array, Float64Array, Int64Array, LargeStringArray,
    PrimitiveArray, StringArray, UInt64Array,
};
use arrow_schema::DataType;
use onetape_domain::decimal::{Decimal, MAX_DECIMALS, check_limits, parse_exact};
use onetape_domain::violation::Violations;

/// Most zeros that an exponent of text may stand for.
const MAX_EXPONENT: i32 = 64;
/// Most digits of a number written as text with an exponent.
const MAX_TEXT_DIGITS: usize = 400;
/// Most decimals that `rust_decimal` keeps.
const DECIMAL_SCALE: u32 = 28;
/// Below it, no two decimals of as many places have the same float.
const UNIQUE: f64 = 1e15;
/// Powers of ten that a float holds exactly, by as many decimals as a stored number has.
const POWERS: [f64; MAX_DECIMALS as usize + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12];

/// The numbers of a column.
pub(super) struct Numbers {
    values: Values,
    rounding: Option<u8>,
}

enum Values {
    Float64(Float64Array),
    Float32(Float32Array),
    Signed(Int64Array),
    Unsigned(UInt64Array),
    Decimal(Decimal128Array, i8),
    Text(StringArray),
    LargeText(LargeStringArray),
    None(ArrayRef),
}

impl Numbers {
    /// Those of a column; floats are rounded to some decimals, where that is asked for.
    pub(super) fn of(column: &ArrayRef, rounding: Option<u8>) -> Self {
        fn signed<T: ArrowPrimitiveType<Native: Into<i64>>>(column: &ArrayRef) -> Values {
            Values::Signed(column.as_primitive::<T>().unary(Into::into))
        }
        fn unsigned<T: ArrowPrimitiveType<Native: Into<u64>>>(column: &ArrayRef) -> Values {
            Values::Unsigned(column.as_primitive::<T>().unary(Into::into))
        }
        fn as_is<T: ArrowPrimitiveType>(column: &ArrayRef) -> PrimitiveArray<T> {
            column.as_primitive::<T>().clone()
        }
        let values = match column.data_type() {
            DataType::Float64 => Values::Float64(as_is::<Float64Type>(column)),
            DataType::Float32 => Values::Float32(as_is::<Float32Type>(column)),
            DataType::Int64 => signed::<Int64Type>(column),
            DataType::Int32 => signed::<Int32Type>(column),
            DataType::Int16 => signed::<Int16Type>(column),
            DataType::Int8 => signed::<Int8Type>(column),
            DataType::UInt64 => unsigned::<UInt64Type>(column),
            DataType::UInt32 => unsigned::<UInt32Type>(column),
            DataType::UInt16 => unsigned::<UInt16Type>(column),
            DataType::UInt8 => unsigned::<UInt8Type>(column),
            DataType::Decimal128(_, scale) => Values::Decimal(as_is::<Decimal128Type>(column), *scale),
            DataType::Utf8 => Values::Text(column.as_string::<i32>().clone()),
            DataType::LargeUtf8 => Values::LargeText(column.as_string::<i64>().clone()),
            _ => Values::None(column.clone()),
        };
        Self { values, rounding }
    }

    /// The number of a row. `scale` is a guess at its decimals, and becomes those of the last float.
    #[inline]
    pub(super) fn get(&self, field: &str, row: usize, scale: &mut usize) -> Result<Decimal, Violations> {
        let there = |array: &dyn Array| {
            if array.is_null(row) { Err(Violations::one(field, "", "is missing")) } else { Ok(()) }
        };
        match &self.values {
            Values::Float64(values) => {
                there(values)?;
                of_float(field, values.value(row), self.rounding, scale)
            }
            Values::Float32(values) => {
                there(values)?;
                let value = values.value(row);
                if !value.is_finite() {
                    return Err(Violations::one(field, value, "must be a plain decimal number"));
                }
                Digits::of(value).rounded(self.rounding).decimal(field, &value)
            }
            Values::Signed(values) => there(values).map(|()| values.value(row).into()),
            Values::Unsigned(values) => there(values).map(|()| values.value(row).into()),
            Values::Decimal(values, scale) => {
                there(values)?;
                of_decimal(field, values.value(row), *scale)
            }
            Values::Text(values) => there(values).and_then(|()| of_text(field, values.value(row))),
            Values::LargeText(values) => there(values).and_then(|()| of_text(field, values.value(row))),
            Values::None(values) => {
                there(values)?;
                Err(Violations::one(field, values.data_type(), "must be a number"))
            }
        }
    }

    /// Whether a row says nothing, as absent numbers of trades are written: no value, no text, or not a number.
    pub(super) fn is_nothing(&self, row: usize) -> bool {
        let says_nothing = |text: &str| matches!(text.trim(), "" | "NaN" | "nan");
        match &self.values {
            Values::Float64(values) => values.is_null(row) || values.value(row).is_nan(),
            Values::Float32(values) => values.is_null(row) || values.value(row).is_nan(),
            Values::Signed(values) => values.is_null(row),
            Values::Unsigned(values) => values.is_null(row),
            Values::Decimal(values, _) => values.is_null(row),
            Values::Text(values) => values.is_null(row) || says_nothing(values.value(row)),
            Values::LargeText(values) => values.is_null(row) || says_nothing(values.value(row)),
            Values::None(values) => values.is_null(row),
        }
    }
}

/// The shortest decimal that is a float's own.
#[inline]
fn of_float(field: &str, value: f64, rounding: Option<u8>, scale: &mut usize) -> Result<Decimal, Violations> {
    // A decimal below 10^15 that is the float's own is the only one of its scale: zeros at its end aside, the shortest.
    for decimals in std::iter::once(*scale).chain(0..POWERS.len()) {
        let power = POWERS[decimals];
        let shifted = value.abs() * power;
        if shifted.is_nan() || shifted >= UNIQUE {
            break;
        }
        let digits = (shifted + 0.5) as i64;
        if (digits as f64 / power).to_bits() == value.abs().to_bits() {
            *scale = decimals;
            let digits = if value.is_sign_negative() { -digits } else { digits };
            let places = decimals as u32;
            return match rounding {
                Some(most) if u32::from(most) < places => {
                    Digits { digits, scale: decimals as i32 }.rounded(rounding).decimal(field, &value)
                }
                _ => Ok(Decimal::new(digits, places)),
            };
        }
    }
    if !value.is_finite() {
        return Err(Violations::one(field, value, "must be a plain decimal number"));
    }
    Digits::of(value).rounded(rounding).decimal(field, &value)
}

/// A decimal number of at most 17 digits; a scale below zero is that many zeros at its end.
struct Digits {
    digits: i64,
    scale: i32,
}

impl Digits {
    /// The shortest that is a float's own, which is finite.
    fn of(value: impl std::fmt::LowerExp) -> Self {
        // At most `-1.7976931348623157e-308`.
        let mut text = [0_u8; 32];
        let mut rest = text.as_mut_slice();
        // No float is longer.
        let _ = write!(rest, "{value:e}");
        let (mut digits, mut scale, mut exponent) = (0_i64, 0_i32, 0_i32);
        let (mut is_fraction, mut is_exponent, mut signs) = (false, false, [1, 1]);
        for byte in text.into_iter().take_while(|byte| *byte != 0) {
            match byte {
                b'-' => signs[usize::from(is_exponent)] = -1,
                b'.' => is_fraction = true,
                b'e' => is_exponent = true,
                digit if is_exponent => exponent = exponent * 10 + i32::from(digit - b'0'),
                digit => {
                    digits = digits * 10 + i64::from(digit - b'0');
                    scale += i32::from(is_fraction);
                }
            }
        }
        Self { digits: digits * i64::from(signs[0]), scale: scale - exponent * signs[1] }
    }

    /// The same with at most so many decimals, half to even.
    fn rounded(self, decimals: Option<u8>) -> Self {
        let Some(decimals) = decimals.map(i32::from).filter(|decimals| *decimals < self.scale) else {
            return self;
        };
        let Some(power) = u32::try_from(self.scale - decimals).ok().and_then(|by| 10_i64.checked_pow(by))
        else {
            // There are at most 17 digits, so it is less than a tenth of the last place.
            return Self { digits: 0, scale: 0 };
        };
        let (whole, rest) = (self.digits / power, (self.digits % power).abs());
        let up = match (rest).cmp(&(power - rest)) {
            Ordering::Less => 0,
            Ordering::Equal => whole.abs() % 2,
            Ordering::Greater => 1,
        };
        Self { digits: whole + up * self.digits.signum(), scale: decimals }
    }

    fn decimal(self, field: &str, value: &dyn std::fmt::Display) -> Result<Decimal, Violations> {
        let Self { mut digits, mut scale } = self;
        if digits == 0 {
            return Ok(Decimal::ZERO);
        }
        while digits % 10 == 0 && scale > 0 {
            (digits, scale) = (digits / 10, scale - 1);
        }
        let zeros = u32::try_from(-scale).unwrap_or(0);
        match u32::try_from(scale) {
            Ok(scale) if scale <= MAX_DECIMALS => Ok(Decimal::new(digits, scale)),
            Ok(_) => {
                let reason = "must have at most 12 decimals; it is a float, and floats can be rounded as they are read";
                Err(Violations::one(field, value, reason))
            }
            Err(_) => 10_i128
                .checked_pow(zeros)
                .and_then(|power| i128::from(digits).checked_mul(power))
                .and_then(|digits| Decimal::try_from_i128_with_scale(digits, 0).ok())
                .ok_or_else(|| Violations::one(field, value, "must be a decimal of at most 28 digits"))
                .and_then(|decimal| check_limits(field, decimal)),
        }
    }
}

/// An exact decimal of a column that has some: `scale` places, or zeros where it is below zero.
fn of_decimal(field: &str, digits: i128, scale: i8) -> Result<Decimal, Violations> {
    let too_long = || {
        let value = format!("{digits}e{}", -i32::from(scale));
        Violations::one(field, value, "must be a decimal of at most 28 digits")
    };
    let (mut digits, mut places) = match u32::try_from(scale) {
        Ok(places) => (digits, places),
        Err(_) => {
            let power = 10_i128.checked_pow(scale.unsigned_abs().into());
            (power.and_then(|power| digits.checked_mul(power)).ok_or_else(too_long)?, 0)
        }
    };
    while (places > DECIMAL_SCALE || digits.unsigned_abs() >> 96 != 0) && places > 0 && digits % 10 == 0 {
        (digits, places) = (digits / 10, places - 1);
    }
    Decimal::try_from_i128_with_scale(digits, places).map_err(|_| too_long())
}

/// A number written as text, with an exponent or without.
pub(super) fn of_text(field: &str, text: &str) -> Result<Decimal, Violations> {
    let text = text.trim();
    if text.contains(['e', 'E']) {
        parse_exact(field, &plain(field, text)?)
    } else {
        parse_exact(field, text)
    }
}

/// Decimal text without an exponent, as Python writes small floats with one.
fn plain(field: &str, text: &str) -> Result<String, Violations> {
    let wrong = || Violations::one(field, text, "must be a decimal number");
    let (digits, exponent) = text.split_once(['e', 'E']).ok_or_else(wrong)?;
    let exponent: i32 = exponent.parse().map_err(|_| wrong())?;
    if exponent.abs() > MAX_EXPONENT {
        return Err(wrong());
    }
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits), |digits| ("-", digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let is_number = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let length = whole.len() + fraction.len();
    if length == 0 || length > MAX_TEXT_DIGITS || !is_number(whole) || !is_number(fraction) {
        return Err(wrong());
    }
    let all = format!("{whole}{fraction}");
    // Where the point goes among all digits.
    let point = i32::try_from(whole.len()).unwrap_or(i32::MAX).saturating_add(exponent);
    let moved = match usize::try_from(point) {
        Ok(point) if point >= all.len() => format!("{all}{}", "0".repeat(point - all.len())),
        Ok(point) if point > 0 => format!("{}.{}", &all[..point], &all[point..]),
        _ => format!("0.{}{all}", "0".repeat(usize::try_from(-point).unwrap_or_default())),
    };
    Ok(format!("{sign}{moved}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn exponents_become_plain_decimals() {
        let moved = |text| plain("x", text).expect("a number");
        assert_eq!(moved("1e-07"), "0.0000001");
        assert_eq!(moved("1.25e-3"), "0.00125");
        assert_eq!(moved("-2.5E2"), "-250");
        assert_eq!(moved("12.5e1"), "125");
        assert_eq!(moved("1.25e1"), "12.5");
        for text in ["1e999", "e5", "1e", "1.2.3e4", "1e-99999999999"] {
            assert!(of_text("x", text).is_err(), "{text}");
        }
        assert_eq!(of_text("x", " 3.3 ").map(|value| value.to_string()), Ok("3.3".to_owned()));
    }

    fn float(value: f64, rounding: Option<u8>) -> Result<String, String> {
        let decimal = of_float("x", value, rounding, &mut 0);
        decimal.map(|value| value.normalize().to_string()).map_err(|broken| broken.to_string())
    }

    #[test]
    fn a_float_with_noise_is_refused_or_rounded_half_to_even() {
        let said = float(0.1 + 0.2, None).expect_err("17 decimals");
        assert!(said.contains("at most 12 decimals") && said.contains("can be rounded"), "{said}");
        let rounded = |value, decimals| float(value, Some(decimals)).expect("a decimal");
        assert_eq!(rounded(0.1 + 0.2, 8), "0.3");
        assert_eq!(rounded(2.5, 0), "2");
        assert_eq!(rounded(3.5, 0), "4");
        assert_eq!(rounded(-0.125, 2), "-0.12");
        assert_eq!(rounded(-0.135, 2), "-0.14");
        // By their shortest decimal, not by what the float is to the last bit: 1.005 lies below.
        assert_eq!(rounded(1.005, 2), "1");
        assert_eq!(rounded(1.015, 2), "1.02");
        assert_eq!(rounded(5e-13, 12), "0");
        assert_eq!(rounded(5.000000000000001e-13, 12), "0.000000000001");
        assert_eq!(rounded(4.9e-300, 8), "0");
        assert_eq!(rounded(1e21, 2), "1000000000000000000000");
        assert_eq!(float(1.7e27, None).expect("28 digits"), "1700000000000000000000000000");
        for value in [f64::NAN, f64::INFINITY, 1e40, f64::MIN_POSITIVE] {
            assert!(float(value, None).is_err(), "{value}");
        }
    }

    #[test]
    fn decimals_of_any_scale_are_exact() {
        let decimal =
            |digits, scale| of_decimal("x", digits, scale).map(|value| value.normalize().to_string());
        assert_eq!(decimal(268_398, 2), Ok("2683.98".to_owned()));
        assert_eq!(decimal(-5, -3), Ok("-5000".to_owned()));
        assert_eq!(decimal(15 * 10_i128.pow(36), 37), Ok("1.5".to_owned()));
        assert!(decimal(15 * 10_i128.pow(36) + 1, 37).is_err());
        assert!(decimal(i128::MAX, 0).is_err());
    }

    proptest! {
        #[test]
        fn a_float_is_the_decimal_that_the_standard_library_prints(
            value in prop_oneof![
                any::<f64>(),
                (-10_000_000_000_000_i64..10_000_000_000_000, 0_usize..13)
                    .prop_map(|(digits, scale)| digits as f64 / POWERS[scale]),
            ],
            guess in 0_usize..13,
        ) {
            let own = of_float("x", value, None, &mut guess.clone());
            match parse_exact("x", &value.to_string()) {
                Ok(printed) => prop_assert_eq!(own, Ok(printed)),
                Err(_) => prop_assert!(own.is_err()),
            }
        }

        #[test]
        fn large_floats_have_at_most_28_digits(value in 1e26_f64..1e30) {
            prop_assert_eq!(of_float("x", value, None, &mut 0).is_ok(), value.to_string().len() <= 28);
        }

        #[test]
        fn rounding_is_that_of_decimals(digits in -1_000_000_000_i64..1_000_000_000, scale in 0_u32..10, places in 0_u8..10) {
            let exact = Decimal::new(digits, scale);
            let value: f64 = exact.to_string().parse().expect("a float");
            let expected = exact.round_dp(u32::from(places));
            prop_assert_eq!(of_float("x", value, Some(places), &mut 0), Ok(expected));
        }
    }
}
