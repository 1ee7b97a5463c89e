//! How a refusal reaches a screen: a server function's error is the [`Refusal`] itself, and nothing more can cross.
//!
//! A refusal that people meet every day (a mistyped code, a card that ran out) travels as an [`Answer`] with status 200, so
//! that only what is really broken is an error in the browser's console. Its words are here, in both languages.

use contract::{Kind, Refusal};
use domain::Locale;
use leptos::server_fn::codec::JsonEncoding;
use leptos::server_fn::error::{FromServerFnError, ServerFnErrorErr};
use serde::{Deserialize, Serialize};

use crate::i18n::Text;

/// A screen's question that the shop answered, with a yes or with a refusal.
pub type Answer<T> = Result<T, Refusal>;

/// What every server function answers when it does not do what was asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub Refusal);

impl Fault {
    /// The refusal in the reader's language.
    #[must_use]
    pub fn words(&self, locale: Locale) -> String {
        words(&self.0, locale)
    }
}

impl From<Refusal> for Fault {
    fn from(refusal: Refusal) -> Self {
        Self(refusal)
    }
}

impl FromServerFnError for Fault {
    type Encoder = JsonEncoding;

    /// Transport faults: the network is away, or the answer was not ours. Their text stays out of the screen.
    fn from_server_fn_error(error: ServerFnErrorErr) -> Self {
        let refusal = match error {
            ServerFnErrorErr::Request(_) => {
                Refusal::new(Kind::Unavailable, "offline", "There is no connection. Try again in a moment.")
            }
            ServerFnErrorErr::Args(_) | ServerFnErrorErr::MissingArg(_) | ServerFnErrorErr::Deserialization(_) => {
                Refusal::malformed("malformed", "The request could not be read.")
            }
            _ => Refusal::new(Kind::Internal, "internal", "Something went wrong on our side. Try again."),
        };
        Self(refusal)
    }
}

/// A refusal in the reader's language; a key that no customer should meet keeps its own sentence.
#[must_use]
pub fn words(refusal: &Refusal, locale: Locale) -> String {
    match (refusal.key.as_str(), refusal.retry_after) {
        ("code-wrong", _) => {
            let text = key_words("code-wrong", locale);
            tries_left(refusal).map_or_else(|| text.to_owned(), |left| format!("{text} {}", left_words(left, locale)))
        }
        ("too-many-requests", Some(seconds)) => wait_words(seconds, locale),
        (key, _) => key_text(key).map_or_else(|| refusal.detail.clone(), |text| text.of(locale).to_owned()),
    }
}

/// The words of a key that came back in an address, where nothing but our own keys may speak.
#[must_use]
pub fn key_words(key: &str, locale: Locale) -> &'static str {
    key_text(key).unwrap_or(INTERNAL).of(locale)
}

const INTERNAL: Text = Text::new(
    "Something went wrong on our side. Nothing was changed; try again.",
    "У нас что-то сломалось. Ничего не изменилось, попробуйте ещё раз.",
);

/// How many more tries a code has, where the refusal says so.
fn tries_left(refusal: &Refusal) -> Option<u32> {
    refusal.faults.iter().find(|fault| fault.key == "tries-left")?.detail.parse().ok()
}

fn left_words(left: u32, locale: Locale) -> String {
    match locale {
        Locale::En => format!("{left} {} left.", locale.plural(u64::from(left), ["try", "tries", "tries"])),
        Locale::Ru => format!("Осталось попыток: {left}."),
    }
}

fn wait_words(seconds: u32, locale: Locale) -> String {
    let (count, forms) = match (seconds < 100, locale) {
        (true, Locale::En) => (seconds, ["second", "seconds", "seconds"]),
        (true, Locale::Ru) => (seconds, ["секунду", "секунды", "секунд"]),
        (false, Locale::En) => (seconds.div_ceil(60), ["minute", "minutes", "minutes"]),
        (false, Locale::Ru) => (seconds.div_ceil(60), ["минуту", "минуты", "минут"]),
    };
    let unit = locale.plural(u64::from(count), forms);
    match locale {
        Locale::En => format!("Too many tries. You can try again in {count} {unit}."),
        Locale::Ru => format!("Слишком много попыток. Попробуйте снова через {count} {unit}."),
    }
}

fn key_text(key: &str) -> Option<Text> {
    let text = match key {
        "too-many-requests" => {
            Text::new("Too many tries. Wait a little, then try again.", "Слишком много попыток. Немного подождите.")
        }
        "code-wrong" => Text::new(
            "That is not the code we sent. Check the last message and try again.",
            "Код не подходит. Проверьте последнее сообщение и попробуйте ещё раз.",
        ),
        "code-expired" => Text::new("This code is too old. Ask for a new one.", "Этот код устарел. Запросите новый."),
        "phone-invalid" => Text::new(
            "A phone number has 8 to 15 digits. Check it and try again.",
            "В номере телефона от 8 до 15 цифр. Проверьте его.",
        ),
        "phone-country-code" => Text::new(
            "Begin with + and the country code, such as +44 or +7.",
            "Начните с + и кода страны, например +7 или +44.",
        ),
        "card-not-found" => Text::new("This card is no longer yours to choose.", "Эта карта вам больше не предложена."),
        "card-expired" => Text::new(
            "This card has run out. Your new ones are below.",
            "Срок этой карты закончился. Новые карты ниже.",
        ),
        "invalid-profile" => Text::new("Something here needs another look.", "Проверьте, пожалуйста, выделенные поля."),
        "not-sure" => Text::new("Tick the box first.", "Сначала отметьте галочку."),
        "category-not-found" => {
            Text::new("This part of the menu is no longer there.", "Такого раздела в меню больше нет.")
        }
        "segment-count" => Text::new(
            "Segments are 1 to 64, or leave the field empty.",
            "Сегментов может быть от 1 до 64, или оставьте поле пустым.",
        ),
        "segment-method" => Text::new("There is no such method.", "Такого способа нет."),
        "no-niches" => Text::new(
            "Density sees no crowd among these customers. The segments are those of the fit before: divide everybody instead.",
            "Скоплений среди этих гостей не видно. Сегменты остались прежними: делите всех.",
        ),
        "too-few-customers" => Text::new(
            "There are too few customers with a purchase to fit segments.",
            "Гостей с покупками пока слишком мало, чтобы построить сегменты.",
        ),
        "fit-stopped" => Text::new(
            "The fit was stopped. The segments are those of the fit before.",
            "Построение остановлено. Сегменты остались прежними.",
        ),
        "discount-terms" => Text::new(
            "These terms make no sense. Rates are in steps of 2.5 %, the least is not above the most, and at most half are held out.",
            "Такие условия невозможны. Ставки с шагом 2,5 %, наименьшая не больше наибольшей, в контрольной группе не больше половины.",
        ),
        "model-not-found" => Text::new("There is no such model.", "Такой модели нет."),
        "model-broken" => {
            Text::new("This model cannot be read. Train another one.", "Эту модель нельзя прочитать. Обучите другую.")
        }
        "too-little-to-learn" => Text::new(
            "There is too little to learn from yet. Let chance decide for some more weeks.",
            "Пока слишком мало данных. Пусть ещё несколько недель решает случай.",
        ),
        "training-stopped" => {
            Text::new("Training was stopped. Nothing changed.", "Обучение остановлено. Ничего не изменилось.")
        }
        "import-running" => Text::new(
            "An import or a fit is running. Try again when it is done.",
            "Идёт импорт или обучение. Попробуйте, когда закончится.",
        ),
        "not-found" => Text::new("There is nothing here.", "Здесь ничего нет."),
        "unauthenticated" => Text::new("Sign in to see this.", "Войдите, чтобы это увидеть."),
        "forbidden" => Text::new("This is not open to you.", "У вас нет к этому доступа."),
        "offline" => Text::new(
            "There is no connection. Your code on the home screen still works.",
            "Нет связи. Ваш код на главном экране всё равно работает.",
        ),
        "malformed" => Text::new(
            "The request could not be read. Reload the page.",
            "Запрос не удалось прочитать. Обновите страницу.",
        ),
        "internal" => INTERNAL,
        "unavailable" => Text::new(
            "The shop cannot be reached for a moment. Nothing was changed; try again.",
            "Магазин сейчас недоступен. Ничего не изменилось, попробуйте ещё раз.",
        ),
        _ => return None,
    };
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_known_key_speaks_the_readers_language() {
        assert!(words(&Refusal::unauthenticated(), Locale::Ru).starts_with("Войдите"));
        assert_eq!(
            words(&Refusal::too_many(2), Locale::Ru),
            "Слишком много попыток. Попробуйте снова через 2 секунды."
        );
        assert_eq!(words(&Refusal::too_many(600), Locale::En), "Too many tries. You can try again in 10 minutes.");
    }

    #[test]
    fn a_wrong_code_says_how_many_tries_are_left() {
        let wrong = |left: &str| Refusal::unacceptable("code-wrong", "…").at("/code", "tries-left", left);
        assert!(words(&wrong("2"), Locale::En).ends_with("2 tries left."));
        assert!(words(&wrong("1"), Locale::Ru).ends_with("Осталось попыток: 1."));
        assert_eq!(words(&wrong("x"), Locale::En), key_words("code-wrong", Locale::En));
    }

    #[test]
    fn an_unknown_key_keeps_its_sentence() {
        assert_eq!(words(&Refusal::conflict("odd", "An odd thing."), Locale::Ru), "An odd thing.");
    }

    /// What stands in an address can be written by anybody: only our own sentences are shown for it.
    #[test]
    fn a_key_from_an_address_never_brings_its_own_words() {
        assert_eq!(key_words("<b>call +1…</b>", Locale::En), INTERNAL.en);
    }
}
