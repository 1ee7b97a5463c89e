use contract::customer::{CustomerApi, CustomerCaller, ProfileEdit};
use domain::{CustomerId, Locale};

use super::scene::{Scene, key_of};
use crate::clock::{Clock, Draw};

fn name(text: &str) -> ProfileEdit {
    ProfileEdit { name: Some(text.to_owned()), ..Default::default() }
}

fn email(text: &str) -> ProfileEdit {
    ProfileEdit { email: Some(text.to_owned()), ..Default::default() }
}

#[tokio::test]
async fn what_is_absent_stays_as_it_is() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    let edit = ProfileEdit {
        name: Some("  Анна ".into()),
        email: Some("anna@example.org".into()),
        birthday: Some(Some((2, 29))),
        locale: Some(Locale::Ru),
        marketing_consent: Some(true),
    };
    let full = scene.shop.edit_profile(caller, edit).await.unwrap();
    assert_eq!((full.name.as_str(), full.email.as_deref()), ("Анна", Some("anna@example.org")));
    assert_eq!(scene.shop.profile(caller).await.unwrap(), full);
    let same = scene.shop.edit_profile(caller, ProfileEdit::default()).await.unwrap();
    assert_eq!(same, full);
    let renamed = scene.shop.edit_profile(caller, name("Anna")).await.unwrap();
    assert_eq!(renamed, contract::customer::Profile { name: "Anna".into(), ..full.clone() });
    let cleared = ProfileEdit { birthday: Some(None), ..email(" ") };
    let cleared = scene.shop.edit_profile(caller, cleared).await.unwrap();
    assert_eq!((cleared.email, cleared.birthday), (None, None));
    assert_eq!(scene.shop.home(caller).await.unwrap().display_name, "Anna");
}

#[tokio::test]
async fn what_is_wrong_is_told_field_by_field_and_changes_nothing() {
    let scene = Scene::set().await;
    let caller = scene.guest(1).await;
    let before = scene.shop.profile(caller).await.unwrap();
    let edit = ProfileEdit {
        name: Some("x".repeat(81)),
        email: Some("nobody".into()),
        birthday: Some(Some((2, 30))),
        locale: Some(Locale::Ru),
        marketing_consent: Some(true),
    };
    let refusal = scene.shop.edit_profile(caller, edit).await.unwrap_err();
    assert_eq!(refusal.key, "invalid-profile");
    let pointers: Vec<_> = refusal.faults.iter().map(|fault| fault.pointer.as_str()).collect();
    assert_eq!(pointers, ["/name", "/email", "/birthday"]);
    assert_eq!(scene.shop.profile(caller).await.unwrap(), before);
    let long = "x".repeat(1_000_000);
    for hostile in
        [name("a\0b"), name("a\u{202e}b"), name(&long), email(&format!("{long}@b.co")), email("a@b.co\r\nBcc: x")]
    {
        assert_eq!(key_of(scene.shop.edit_profile(caller, hostile).await), "invalid-profile");
    }
    // Odd, but theirs; it is data and stays data.
    let odd = "<b>Robert'); drop table customers;--</b> 🙂";
    assert_eq!(scene.shop.edit_profile(caller, name(odd)).await.unwrap().name, odd);
}

#[tokio::test]
async fn a_customer_who_is_gone_must_sign_in_again() {
    let scene = Scene::set().await;
    let nobody = CustomerCaller { customer: CustomerId(scene.entropy.id(scene.clock.now())) };
    assert_eq!(key_of(scene.shop.home(nobody).await), "unauthenticated");
    assert_eq!(key_of(scene.shop.profile(nobody).await), "unauthenticated");
    assert_eq!(key_of(scene.shop.edit_profile(nobody, name("x")).await), "unauthenticated");
    assert_eq!(key_of(scene.shop.feed(nobody).await), "unauthenticated");
}
