//! The profile: what is absent stays as it is, what is wrong is told field by field.

use contract::Refusal;
use contract::customer::{CustomerCaller, Profile, ProfileEdit};
use domain::{CustomerId, Locale};
use store::Tx;
use store::customers::{Customer, ProfileFields};

use crate::Shop;
use crate::till::Stop;

const NAME_CHARS: usize = 80;
/// RFC 5321: what a path can carry.
const EMAIL_CHARS: usize = 254;

pub(super) fn shown(customer: Customer) -> Result<Profile, Refusal> {
    Ok(Profile {
        // Who signed in has one; it was only taken away since.
        phone: customer.phone.ok_or_else(Refusal::unauthenticated)?,
        name: customer.name,
        email: customer.email,
        birthday: customer.birthday,
        locale: customer.locale,
        marketing_consent: customer.marketing_consent,
        member_since: customer.created_at,
    })
}

impl Shop {
    /// From now on this customer is spoken to in the language they chose on the screen.
    pub(super) async fn speak(&self, tx: &mut Tx, customer: CustomerId, locale: Locale) -> Result<(), Stop> {
        let Some(customer) = store::customers::lock(tx, customer).await? else { return Ok(()) };
        if customer.locale == locale {
            return Ok(());
        }
        let edit = ProfileEdit { locale: Some(locale), ..ProfileEdit::default() };
        store::customers::set_profile(tx, customer.id, &edited(&customer, edit)?).await?;
        self.rename_cards(tx, customer.id, locale).await?;
        Ok(())
    }

    pub(super) async fn change_profile(&self, caller: CustomerCaller, edit: ProfileEdit) -> Result<Profile, Stop> {
        let mut tx = self.store.begin().await?;
        let Some(mut customer) = store::customers::lock(&mut tx, caller.customer).await? else {
            return Err(Refusal::unauthenticated().into());
        };
        let fields = edited(&customer, edit)?;
        store::customers::set_profile(&mut tx, customer.id, &fields).await?;
        if fields.locale != customer.locale {
            self.rename_cards(&mut tx, customer.id, fields.locale).await?;
        }
        store::commit(tx).await?;
        self.customer_changed(caller.customer);
        let ProfileFields { name, email, birthday, locale, marketing_consent } = fields;
        customer.name = name;
        customer.email = email;
        customer.birthday = birthday;
        customer.locale = locale;
        customer.marketing_consent = marketing_consent;
        Ok(shown(customer)?)
    }
}

fn edited(customer: &Customer, edit: ProfileEdit) -> Result<ProfileFields, Refusal> {
    let mut faults = Refusal::unacceptable("invalid-profile", "Something in the profile is not right.");
    let name = edit.name.map_or_else(|| customer.name.clone(), |name| name.trim().to_owned());
    if name.chars().count() > NAME_CHARS {
        faults = faults.at("/name", "too-long", format!("A name has at most {NAME_CHARS} characters."));
    } else if name.chars().any(is_invisible) {
        faults = faults.at("/name", "invalid", "A name has visible characters only.");
    }
    let email = match edit.email.as_deref().map(str::trim) {
        None => customer.email.clone(),
        Some("") => None,
        Some(email) => {
            if !looks_like_email(email) {
                faults = faults.at("/email", "invalid", "This does not look like an e-mail address.");
            }
            Some(email.to_owned())
        }
    };
    let birthday = edit.birthday.unwrap_or(customer.birthday);
    if birthday.is_some_and(|(month, day)| !is_day(month, day)) {
        faults = faults.at("/birthday", "invalid", "There is no such day.");
    }
    if !faults.faults.is_empty() {
        return Err(faults);
    }
    Ok(ProfileFields {
        name,
        email,
        birthday,
        locale: edit.locale.unwrap_or(customer.locale),
        marketing_consent: edit.marketing_consent.unwrap_or(customer.marketing_consent),
    })
}

/// Control characters, and those that turn the direction of the text around them.
fn is_invisible(c: char) -> bool {
    c.is_control() || matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// The shape only; whether anybody reads mail there, only a message can tell.
fn looks_like_email(text: &str) -> bool {
    let Some((local, host)) = text.rsplit_once('@') else { return false };
    let label =
        |label: &str| !label.is_empty() && label.len() <= 63 && !label.starts_with('-') && !label.ends_with('-');
    text.chars().count() <= EMAIL_CHARS
        && !text.chars().any(|c| c.is_whitespace() || is_invisible(c))
        && (1..=64).contains(&local.len())
        && !local.contains(['@', '<', '>', ',', ';', '"'])
        && host.contains('.')
        && host.split('.').all(label)
        && host.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '.')
}

fn is_day(month: u8, day: u8) -> bool {
    const DAYS: [u8; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let last = usize::from(month).checked_sub(1).and_then(|month| DAYS.get(month));
    last.is_some_and(|last| (1..=*last).contains(&day))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_email_has_a_shape() {
        for good in ["a@b.co", "first.last+kava@mail.example.org", "анна@почта.рф"] {
            assert!(looks_like_email(good), "{good}");
        }
        for bad in ["", "@", "a@", "@b.co", "a@b", "a b@c.de", "a@b..co", "a@-b.co", "a@@b.co", "a@b.co\n", "a@b.c>"] {
            assert!(!looks_like_email(bad), "{bad}");
        }
        assert!(!looks_like_email(&format!("{}@b.co", "a".repeat(65))));
        assert!(!looks_like_email(&format!("a@{}.co", "b.".repeat(200))));
    }

    #[test]
    fn a_birthday_is_a_day() {
        assert!(is_day(2, 29) && is_day(12, 31));
        for (month, day) in [(0, 1), (13, 1), (2, 30), (4, 31), (1, 0), (255, 255)] {
            assert!(!is_day(month, day), "{month}-{day}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,300}") {
            let _ = looks_like_email(&text);
        }
    }
}
