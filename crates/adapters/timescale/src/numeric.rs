//! NUMERIC to `Decimal` and back without rounding, straight from the wire's base-10000 digits.
//!
//! sqlx's own conversion rounds in silence above 96 bits and multiplies decimals digit by digit; this one
//! refuses what does not fit, and costs a few nanoseconds a value, of which a frame has thousands.

use onetape_domain::decimal::{MAX_DECIMALS, MAX_DIGITS};
use rust_decimal::Decimal;
use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::{PgArgumentBuffer, PgHasArrayType, PgTypeInfo, PgValueFormat, PgValueRef};
use sqlx::{Decode, Encode, Postgres, Type};

/// Sign word of a negative NUMERIC; positive is 0, the rest is NaN and the infinities.
const NEGATIVE: u16 = 0x4000;
/// Most base-10000 digits that 28 decimal digits can lie across.
const MAX_GROUPS: usize = 9;

/// Base-10000 digits that 64 bits hold.
const SMALL_GROUPS: usize = 4;

/// An exact decimal in a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Num(pub(crate) Decimal);

impl Type<Postgres> for Num {
    fn type_info() -> PgTypeInfo {
        <Decimal as Type<Postgres>>::type_info()
    }
}

impl PgHasArrayType for Num {
    fn array_type_info() -> PgTypeInfo {
        <Decimal as PgHasArrayType>::array_type_info()
    }
}

impl Encode<'_, Postgres> for Num {
    fn encode_by_ref(&self, buf: &mut PgArgumentBuffer) -> Result<IsNull, BoxDynError> {
        encode(self.0, buf).map(|()| IsNull::No)
    }
}

/// Writes the binary form.
pub(crate) fn encode(mut value: Decimal, buf: &mut Vec<u8>) -> Result<(), BoxDynError> {
    if value.scale() > MAX_DECIMALS || value.mantissa().unsigned_abs() >= 10_u128.pow(MAX_DIGITS) {
        // Within the limits but for trailing zeros, which the CHECKs would count.
        value = value.normalize();
    }
    let scale = value.scale();
    let padding = (4 - scale % 4) % 4;
    // At most 2^96 · 1000.
    let mut rest = value.mantissa().unsigned_abs() * 10_u128.pow(padding);
    let mut groups = [0_i16; MAX_GROUPS];
    let mut count = 0_usize;
    while rest != 0 {
        let group;
        (rest, group) = match u64::try_from(rest) {
            Ok(small) => (u128::from(small / 10_000), small % 10_000),
            Err(_) => (rest / 10_000, u64::try_from(rest % 10_000)?),
        };
        groups[count] = i16::try_from(group)?;
        count += 1;
    }
    let weight = i16::try_from(count)? - i16::try_from(scale.div_ceil(4))? - 1;
    let trailing = groups[..count].iter().take_while(|group| **group == 0).count();
    let sign = if value.is_sign_negative() && count > 0 { NEGATIVE } else { 0 };
    buf.extend_from_slice(&i16::try_from(count - trailing)?.to_be_bytes());
    buf.extend_from_slice(&if count == 0 { 0 } else { weight }.to_be_bytes());
    buf.extend_from_slice(&sign.to_be_bytes());
    buf.extend_from_slice(&i16::try_from(scale)?.to_be_bytes());
    for group in groups[trailing..count].iter().rev() {
        buf.extend_from_slice(&group.to_be_bytes());
    }
    Ok(())
}

impl<'r> Decode<'r, Postgres> for Num {
    fn decode(value: PgValueRef<'r>) -> Result<Self, BoxDynError> {
        match value.format() {
            PgValueFormat::Binary => decode(value.as_bytes()?).map(Self),
            PgValueFormat::Text => Ok(Self(Decimal::from_str_exact(value.as_str()?)?)),
        }
    }
}

/// Reads the binary form.
pub(crate) fn decode(bytes: &[u8]) -> Result<Decimal, BoxDynError> {
    let word = |at: usize| -> Result<[u8; 2], BoxDynError> {
        bytes
            .get(2 * at..2 * at + 2)
            .and_then(|pair| pair.try_into().ok())
            .ok_or_else(|| "short numeric".into())
    };
    let count = usize::from(u16::from_be_bytes(word(0)?));
    let weight = i32::from(i16::from_be_bytes(word(1)?));
    let sign = u16::from_be_bytes(word(2)?);
    let scale = u32::from(u16::from_be_bytes(word(3)?));
    if sign != 0 && sign != NEGATIVE {
        return Err("numeric is not finite".into());
    }
    if count > MAX_GROUPS {
        return Err("numeric needs more than 28 digits".into());
    }
    // The last digit group stands for 10000^(weight - count + 1).
    let exponent = 4 * (weight + 1 - i32::try_from(count)?);
    let digits = || (0..count).map(|at| word(4 + at).map(u16::from_be_bytes));
    let negative = sign == NEGATIVE;
    if count <= SMALL_GROUPS && exponent <= 0 {
        let mantissa =
            digits().try_fold(0, |sum, digit| digit.map(|digit| sum * 10_000 + i64::from(digit)))?;
        let (mantissa, decimals) = unpad(mantissa, exponent.unsigned_abs(), scale);
        return Ok(Decimal::try_new(if negative { -mantissa } else { mantissa }, decimals)?);
    }
    let mut mantissa =
        digits().try_fold(0, |sum, digit| digit.map(|digit| sum * 10_000 + i128::from(digit)))?;
    let mut decimals = 0;
    if exponent > 0 {
        let factor = 10_i128.checked_pow(u32::try_from(exponent)?);
        let product = factor.and_then(|factor| mantissa.checked_mul(factor));
        mantissa = product.ok_or("numeric needs more than 28 digits")?;
    } else {
        (mantissa, decimals) = unpad(mantissa, exponent.unsigned_abs(), scale);
    }
    Ok(Decimal::try_from_i128_with_scale(if negative { -mantissa } else { mantissa }, decimals)?)
}

/// Takes away the zeros that pad the last group beyond the declared scale.
fn unpad<T>(mut mantissa: T, mut decimals: u32, scale: u32) -> (T, u32)
where
    T: Copy + PartialEq + From<u8> + std::ops::Rem<Output = T> + std::ops::Div<Output = T>,
{
    let (zero, ten) = (T::from(0), T::from(10));
    while decimals > scale && mantissa % ten == zero {
        mantissa = mantissa / ten;
        decimals -= 1;
    }
    (mantissa, decimals)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(text: &str) {
        let value = Decimal::from_str_exact(text).unwrap();
        let mut buffer = PgArgumentBuffer::default();
        let _ = Num(value).encode_by_ref(&mut buffer).unwrap();
        assert_eq!(decode(&buffer).unwrap(), value, "{text}");
        // The same bytes as sqlx writes, whose encoding is exact.
        let mut theirs = PgArgumentBuffer::default();
        let _ = value.encode_by_ref(&mut theirs).unwrap();
        assert_eq!(buffer.to_vec(), theirs.to_vec(), "{text}");
    }

    #[test]
    fn values_come_back_as_they_went() {
        for text in [
            "0",
            "1",
            "-1",
            "10000",
            "100000000",
            "0.0001",
            "0.00010",
            "60123.45",
            "0.000000000001",
            "1.10",
            "9999999999999999999999999999",
            "1234567890123456.123456789012",
            "-0.5",
            "99990000.0001",
            "10000.0000",
        ] {
            round_trip(text);
        }
    }

    #[test]
    fn trailing_zeros_beyond_twelve_decimals_are_cut() {
        let mut buffer = PgArgumentBuffer::default();
        let _ = Num(Decimal::from_str_exact("1.50000000000000").unwrap()).encode_by_ref(&mut buffer).unwrap();
        assert_eq!(decode(&buffer).unwrap().to_string(), "1.5");
        assert_eq!(buffer[6..8], [0, 1]);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_rounded() {
        let mut wide = vec![0, 8, 0, 7, 0, 0, 0, 0];
        wide.extend([0x27, 0x0f].repeat(8)); // 10^32 - 1
        assert!(decode(&wide).is_err());
        assert!(decode(&[0, 0, 0, 0, 0xc0, 0, 0, 0]).is_err(), "NaN");
        assert!(decode(&[0, 0, 0, 0, 0xd0, 0, 0, 0x20]).is_err(), "infinity");
        assert!(decode(&[0, 1, 0]).is_err(), "cut off");
    }
}
