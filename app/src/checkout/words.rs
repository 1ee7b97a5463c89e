//! What the counter's screen says: refusals as sentences that tell the cashier what to do.

use contract::Refusal;
use domain::Locale;

use crate::i18n::Text;

/// A refusal in words. What has no words of its own here says what the shop said.
#[must_use]
pub fn of_refusal(refusal: &Refusal, locale: Locale) -> String {
    let text = match refusal.key.as_str() {
        "customer-not-found" => Text::new(
            "Nobody has this code. Scan it again, or go on without a customer.",
            "Такого кода ни у кого нет. Отсканируйте ещё раз или продолжайте без гостя.",
        ),
        "code-expired" => Text::new(
            "This code has expired. Ask for the one that is on the phone's screen now.",
            "Срок кода истёк. Попросите показать код, который на экране сейчас.",
        ),
        "code-replayed" => Text::new(
            "This code was used already. The next one appears within 30 seconds.",
            "Этот код уже использован. Новый появится в течение 30 секунд.",
        ),
        "too-many-requests" => {
            Text::new("Too many tries in a row. Wait a moment.", "Слишком много попыток подряд. Подождите немного.")
        }
        "paid-mismatch" => Text::new(
            "The total changed meanwhile. Check the new one, then confirm again.",
            "Сумма тем временем изменилась. Проверьте новую и подтвердите ещё раз.",
        ),
        "evaluation-stale" => Text::new(
            "A price or a card changed since the quote. This is the new total: check it, then confirm again.",
            "С момента расчёта изменилась цена или карта. Сумма обновлена: проверьте и подтвердите ещё раз.",
        ),
        "session-not-open" | "session-not-found" => Text::new(
            "This purchase was closed or had expired. The basket is still here, under a new number.",
            "Эта покупка уже закрыта или её время вышло. Корзина на месте, под новым номером.",
        ),
        "receipt-already-used" => Text::new(
            "This receipt number was used already. Type the one that is on the receipt.",
            "Такой номер чека уже есть. Введите номер, напечатанный на чеке.",
        ),
        "session-busy" => Text::new(
            "Another screen is working on this purchase. Try again.",
            "С этой покупкой работает другой экран. Повторите.",
        ),
        "card-not-found" | "card-expired" => Text::new(
            "This card is not valid any more. Choose another one.",
            "Эта карта больше не действует. Выберите другую.",
        ),
        "sku-not-found" => Text::new(
            "A product is not in the catalogue any more. Take its line out of the basket.",
            "Товара больше нет в каталоге. Уберите его строку из корзины.",
        ),
        "basket-full" => Text::new(
            "A basket has at most 200 lines. Finish this one first.",
            "В корзине не больше 200 строк. Сначала завершите эту.",
        ),
        "offline" => Text::new(
            "No connection. The basket is safe; try again in a moment.",
            "Нет связи. Корзина сохранена; повторите через минуту.",
        ),
        "late" => Text::new(
            "The shop does not answer. The basket is safe; try again.",
            "Магазин не отвечает. Корзина сохранена; повторите.",
        ),
        "no-till" => Text::new(
            "This account belongs to no till. Ask an administrator for one.",
            "За этой учётной записью не закреплена касса. Обратитесь к администратору.",
        ),
        "forbidden" => Text::new(
            "This account may not see this screen. Sign in with another one.",
            "У этой учётной записи нет доступа. Войдите под другой.",
        ),
        "unauthenticated" => Text::new(
            "You are signed out. The basket is kept: sign in again to go on.",
            "Вы вышли из системы. Корзина сохранена: войдите снова, чтобы продолжить.",
        ),
        "internal" | "unavailable" => Text::new(
            "Something went wrong on our side. Nothing is lost; try again.",
            "Ошибка на нашей стороне. Ничего не потеряно; повторите.",
        ),
        _ => return refusal.detail.clone(),
    };
    text.of(locale).to_owned()
}

/// Why a fallback answered a quote.
#[must_use]
pub const fn degraded() -> Text {
    Text::new(
        "Priced without the newest personal data: the discount may be smaller than usual.",
        "Рассчитано без свежих личных данных: скидка может быть меньше обычной.",
    )
}

/// `3 items` or `3 товара`.
#[must_use]
pub fn items(count: u64, locale: Locale) -> String {
    let forms = match locale {
        Locale::En => ["item", "items", "items"],
        Locale::Ru => ["товар", "товара", "товаров"],
    };
    format!("{count}\u{a0}{}", locale.plural(count, forms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_refusal_of_the_till_plane_has_words() {
        for key in [
            "customer-not-found",
            "code-expired",
            "code-replayed",
            "too-many-requests",
            "paid-mismatch",
            "evaluation-stale",
            "session-not-open",
            "session-not-found",
            "receipt-already-used",
            "session-busy",
            "card-not-found",
            "sku-not-found",
            "offline",
            "late",
            "no-till",
            "forbidden",
            "unauthenticated",
            "internal",
            "unavailable",
        ] {
            let refusal = Refusal::conflict(key, "untranslated");
            for locale in [Locale::En, Locale::Ru] {
                assert_ne!(of_refusal(&refusal, locale), "untranslated", "{key}");
            }
        }
        assert_eq!(of_refusal(&Refusal::conflict("new-key", "As it says."), Locale::Ru), "As it says.");
    }

    #[test]
    fn counts_read_naturally() {
        assert_eq!(items(1, Locale::En), "1\u{a0}item");
        assert_eq!(items(3, Locale::Ru), "3\u{a0}товара");
    }
}
