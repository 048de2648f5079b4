//! Places on the earth.
//!
//! A place is also a point on the unit sphere. The straight line between two such points grows with
//! the great-circle distance, so a database sorts by distance with nothing but subtraction and
//! multiplication, exactly and across the date line:
//! `(x-$1)*(x-$1)+(y-$2)*(y-$2)+(z-$3)*(z-$3)`.

/// The earth's mean radius.
const EARTH_RADIUS_KM: f64 = 6371.0;

/// A point on the unit sphere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// Towards latitude 0, longitude 0.
    pub x: f64,
    /// Towards latitude 0, longitude 90.
    pub y: f64,
    /// Towards the north pole.
    pub z: f64,
}

impl Point {
    /// The point at this latitude and longitude, in degrees.
    pub fn new(lat: f64, lon: f64) -> Self {
        let (lat, lon) = (lat.to_radians(), lon.to_radians());
        Self { x: lat.cos() * lon.cos(), y: lat.cos() * lon.sin(), z: lat.sin() }
    }

    /// The great-circle distance.
    pub fn distance_km(self, other: Self) -> f64 {
        let (x, y, z) = (self.x - other.x, self.y - other.y, self.z - other.z);
        let half_chord = (x * x + y * y + z * z).sqrt() / 2.0;
        2.0 * EARTH_RADIUS_KM * half_chord.min(1.0).asin()
    }
}

/// Reads `lat,lon` in decimal degrees.
pub fn parse(text: &str) -> Option<(f64, f64)> {
    let (lat, lon) = text.split_once(',')?;
    let (lat, lon) = (degrees(lat.trim())?, degrees(lon.trim())?);
    is_on_earth(lat, lon).then_some((lat, lon))
}

/// Digits after the point that are looked at: a ten-thousandth of a millimetre.
const FRACTION_DIGITS_MAX: usize = 12;

/// Reads `-12.345`. The standard library reads more ways of writing a number, and takes a tenth of a
/// whole service for it.
#[expect(clippy::cast_precision_loss, reason = "fifteen digits fit into a double exactly")]
fn degrees(text: &str) -> Option<f64> {
    let (sign, text) = text.strip_prefix('-').map_or((1.0, text), |rest| (-1.0, rest));
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let is_number = |digits: &str| digits.bytes().all(|byte| byte.is_ascii_digit());
    if !(1..=3).contains(&whole.len()) || !is_number(whole) || !is_number(fraction) {
        return None;
    }
    let fraction = fraction.get(..FRACTION_DIGITS_MAX).unwrap_or(fraction);
    let number: u64 = [whole, fraction].concat().parse().ok()?;
    let scale = (0..fraction.len()).fold(1_u64, |scale, _| scale * 10);
    Some(sign * (number as f64 / scale as f64))
}

/// Whether these are a latitude and a longitude. Not-a-number is neither.
pub fn is_on_earth(lat: f64, lon: f64) -> bool {
    (-90.0..=90.0).contains(&lat) && (-180.0..=180.0).contains(&lon)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distances_are_those_of_the_great_circle() {
        let berlin = Point::new(52.52, 13.405);
        for (lat, lon, km) in [
            (52.52, 13.405, 0.0),
            (48.8566, 2.3522, 877.5),
            (40.7128, -74.0060, 6385.0),
            (-52.52, -166.595, 20015.1),
        ] {
            let distance = berlin.distance_km(Point::new(lat, lon));
            assert!((distance - km).abs() < 1.0, "{lat},{lon}: {distance}");
        }
        let across_the_date_line = Point::new(0.0, 179.9).distance_km(Point::new(0.0, -179.9));
        assert!((across_the_date_line - 22.2).abs() < 0.1);
    }

    #[test]
    fn only_places_on_earth_are_read() {
        assert_eq!(parse("52.52,13.4"), Some((52.52, 13.4)));
        assert_eq!(parse("-90, 180"), Some((-90.0, 180.0)));
        let wrong =
            "|,|1|1,2,3|91,0|0,181|NaN,0|0,inf|a,b|1.2.3,0|--1,0|.5,0|1e1,0|+1,0|1.-2,0|0000,0";
        for text in wrong.split('|') {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn degrees_are_read_as_exactly_as_a_double_can_be() {
        for text in
            ["52.520006599999995", "-0.000000000001", "179.999999999999", "7", "7.", "-90.0"]
        {
            let (read, expected) = (degrees(text).unwrap(), text.parse::<f64>().unwrap());
            assert!((read - expected).abs() < 1e-12, "{text}: {read} {expected}");
        }
        assert_eq!(degrees("52.52"), Some(52.52));
        assert_eq!(degrees("13.40"), Some(13.4));
    }
}
