//! The accent color of a site, in the shades that its pages and emails need.

use std::{fmt, str::FromStr};

/// The contrast of text and of controls against their background, as WCAG 2.2 demands of small text (1.4.3).
const CONTRAST: f64 = 4.5;

/// How much of a shade a step replaces by black or white.
const STEP: f64 = 0.04;

const WHITE: Rgb = Rgb([255, 255, 255]);
const BLACK: Rgb = Rgb([0, 0, 0]);

/// The backgrounds of the light and the dark scheme on which the accent is the least visible. The style
/// sheet's tokens name the same colors.
const LIGHT_PAPER: Rgb = Rgb([0xf6, 0xf5, 0xf1]);
const DARK_SURFACE: Rgb = Rgb([0x1b, 0x20, 0x22]);

/// The soft text of both schemes, which stands on tints, too.
const LIGHT_SOFT: Rgb = Rgb([0x54, 0x5c, 0x57]);
const DARK_SOFT: Rgb = Rgb([0xa7, 0xae, 0xa9]);

/// The text on an accent in the dark scheme.
const DARK_INK: Rgb = Rgb([0x10, 0x14, 0x15]);

/// An accent color, `#rrggbb`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccentColor(Rgb);

/// The text is not an [`AccentColor`].
#[derive(Debug, thiserror::Error)]
#[error("write it as #rrggbb, such as #1f5547")]
pub struct InvalidAccentColor;

/// The shades of an accent in both schemes. In each, text is readable on its background, however light or
/// dark the accent is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Palette {
    /// On light backgrounds.
    pub light: Shades,
    /// On dark backgrounds.
    pub dark: Shades,
}

/// The shades of an accent in one scheme, each in the notation of CSS, `#rrggbb`.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Shades {
    /// Text, icons, and the background of main buttons.
    pub accent: String,
    /// The same under the pointer.
    pub strong: String,
    /// Text on `accent` and `strong`.
    pub on_accent: String,
    /// The background of what is chosen or stands out.
    pub tint: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rgb([u8; 3]);

impl FromStr for AccentColor {
    type Err = InvalidAccentColor;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let digits = text.strip_prefix('#').ok_or(InvalidAccentColor)?;
        if digits.len() != 6 || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(InvalidAccentColor);
        }
        let number = u32::from_str_radix(digits, 16).map_err(|_| InvalidAccentColor)?;
        let [_, red, green, blue] = number.to_be_bytes();
        Ok(Self(Rgb([red, green, blue])))
    }
}

impl From<AccentColor> for Palette {
    fn from(AccentColor(color): AccentColor) -> Self {
        let light_tint = color.mixed(WHITE, 0.87);
        let light_tint = light_tint.visible_on(&[LIGHT_SOFT], WHITE);
        let light = color.visible_on(&[LIGHT_PAPER, light_tint], BLACK);
        let dark_tint = color.mixed(DARK_SURFACE, 0.84);
        let dark_tint = dark_tint.visible_on(&[DARK_SOFT], DARK_SURFACE);
        let dark = color.visible_on(&[DARK_SURFACE, dark_tint, DARK_INK], WHITE);
        Self {
            light: Shades::new(light, light.mixed(BLACK, 0.25), WHITE, light_tint),
            dark: Shades::new(dark, dark.mixed(WHITE, 0.25), DARK_INK, dark_tint),
        }
    }
}

impl Default for Palette {
    /// The green of Latchkey.
    fn default() -> Self {
        let shades = |accent: &str, strong: &str, on_accent: &str, tint: &str| Shades {
            accent: accent.to_owned(),
            strong: strong.to_owned(),
            on_accent: on_accent.to_owned(),
            tint: tint.to_owned(),
        };
        Self {
            light: shades("#1f5547", "#163f35", "#ffffff", "#e1ece6"),
            dark: shades("#8fd0b8", "#acdfcb", "#10221c", "#20352e"),
        }
    }
}

impl Shades {
    fn new(accent: Rgb, strong: Rgb, on_accent: Rgb, tint: Rgb) -> Self {
        Self {
            accent: accent.to_string(),
            strong: strong.to_string(),
            on_accent: on_accent.to_string(),
            tint: tint.to_string(),
        }
    }
}

impl Rgb {
    /// Returns this color with a share of another, from 0 to 1.
    fn mixed(self, other: Self, share: f64) -> Self {
        let mix = |index: usize| {
            let [one, other] = [self, other].map(|Self(parts)| f64::from(parts[index]));
            // A weighted mean of two bytes is a byte.
            (one + (other - one) * share).round() as u8
        };
        Self([mix(0), mix(1), mix(2)])
    }

    /// Returns the shade of this color nearest to it that is visible on all backgrounds, on the way to
    /// black or white.
    fn visible_on(self, backgrounds: &[Self], end: Self) -> Self {
        let is_visible = |shade: &Self| {
            let visible_on = |background: &Self| shade.contrast(*background) >= CONTRAST;
            backgrounds.iter().all(visible_on)
        };
        (0..=25)
            .map(|step| self.mixed(end, f64::from(step) * STEP))
            .find(is_visible)
            .unwrap_or(end)
    }

    /// The contrast ratio, from 1 to 21 (WCAG 2.2).
    fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance(), other.luminance());
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }

    /// The relative luminance, from 0 to 1 (WCAG 2.2).
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Rgb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn color(text: &str) -> Rgb {
        text.parse::<AccentColor>().unwrap().0
    }

    #[test]
    fn a_color_is_six_hexadecimal_digits() {
        for text in ["#1f5547", "#FFFFFF"] {
            assert_eq!(color(text).to_string(), text.to_lowercase());
        }
        for text in [
            "", "#", "1f5547", "#fff", "#1f55471", "#+1f554", "green", "#ää",
        ] {
            assert!(text.parse::<AccentColor>().is_err(), "{text}");
        }
    }

    #[test]
    fn contrast_is_that_of_the_standard() {
        assert!((color("#ffffff").contrast(color("#000000")) - 21.0).abs() < 1e-9);
        assert!((color("#777777").contrast(color("#ffffff")) - 4.48).abs() < 0.01);
    }

    #[test]
    fn every_accent_is_readable_in_both_schemes() {
        for text in [
            "#000000", "#ffffff", "#ffd400", "#ff0000", "#00ff00", "#0000ff", "#808080", "#1f5547",
            "#d2fff0",
        ] {
            let accent: AccentColor = text.parse().unwrap();
            let palette = Palette::from(accent);
            for (shades, paper, soft) in [
                (palette.light, LIGHT_PAPER, LIGHT_SOFT),
                (palette.dark, DARK_SURFACE, DARK_SOFT),
            ] {
                assert!(
                    color(&shades.tint).contrast(soft) >= CONTRAST,
                    "{text}: {shades:?}"
                );
                let accent = color(&shades.accent);
                let others = [paper, color(&shades.tint), color(&shades.on_accent)];
                for other in others {
                    assert!(accent.contrast(other) >= CONTRAST, "{text}: {shades:?}");
                }
                let strong = color(&shades.strong);
                let on_accent = color(&shades.on_accent);
                assert!(strong.contrast(on_accent) >= CONTRAST, "{text}: {shades:?}");
            }
        }
    }

    #[test]
    fn a_readable_accent_stays_as_it_is() {
        let palette = Palette::from("#1f5547".parse::<AccentColor>().unwrap());
        assert_eq!(palette.light.accent, "#1f5547");
    }
}
