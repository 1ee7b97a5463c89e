use chrono::TimeDelta;
use contract::Refusal;
use contract::staff::{StaffApi, StaffSignedIn};
use domain::{Role, StaffId};
use store::staff::NewStaff;

use super::scene::{HOME, Scene, key_of};
use crate::clock::{Clock, Draw};

const PASSWORD: &str = "espresso, please";

impl Scene {
    async fn hire(&self, login: &str, role: Role) {
        let new = NewStaff {
            id: StaffId(self.entropy.id(self.clock.now())),
            login: login.to_owned(),
            name: "Ольга".to_owned(),
            password_hash: self.shop.hash_password(PASSWORD).await.unwrap(),
            role,
            till: (role == Role::Cashier).then_some(self.till.till),
        };
        let mut tx = self.shop.store.begin().await.unwrap();
        store::staff::create(&mut tx, &new).await.unwrap();
        store::commit(tx).await.unwrap();
    }

    async fn enter(&self, login: &str, password: &str) -> Result<StaffSignedIn, Refusal> {
        StaffApi::sign_in(&self.shop, login, password, HOME).await
    }

    async fn works(&self, token: &str) -> Option<contract::staff::StaffCaller> {
        StaffApi::authenticate(&self.shop, token).await.unwrap()
    }
}

#[tokio::test]
async fn a_cashier_signs_in_to_their_till() {
    let scene = Scene::set().await;
    scene.hire("olga", Role::Cashier).await;
    let signed_in = scene.enter(" olga ", PASSWORD).await.unwrap();
    assert_eq!(signed_in.role, Role::Cashier);
    assert!(scene.clock.is_at(signed_in.expires_at - TimeDelta::hours(12)));
    let caller = scene.works(&signed_in.token.0).await.unwrap();
    assert_eq!((caller.name.as_str(), caller.place.as_str()), ("Ольга", "Minsk 1 · Till 1"));
    assert_eq!(caller.till, Some(scene.till.clone()));
    scene.wait(TimeDelta::hours(12));
    assert_eq!(scene.works(&signed_in.token.0).await, None, "after the shift");
}

#[tokio::test]
async fn an_unknown_login_and_a_wrong_password_get_one_answer() {
    let scene = Scene::set().await;
    scene.hire("olga", Role::Admin).await;
    let unknown = scene.enter("nobody", PASSWORD).await.unwrap_err();
    let wrong = scene.enter("olga", "espresso").await.unwrap_err();
    assert_eq!(unknown, wrong);
    assert_eq!(wrong.key, "sign-in-failed");
    scene.run("update staff set disabled_at = now()").await;
    assert_eq!(scene.enter("olga", PASSWORD).await.unwrap_err(), wrong, "nor is it told that somebody left");
}

#[tokio::test]
async fn who_signs_out_or_is_disabled_is_out_at_once() {
    let scene = Scene::set().await;
    scene.hire("olga", Role::Marketer).await;
    let (first, second) = (scene.enter("olga", PASSWORD).await.unwrap(), scene.enter("olga", PASSWORD).await.unwrap());
    StaffApi::sign_out(&scene.shop, &first.token.0).await.unwrap();
    assert!(scene.works(&first.token.0).await.is_none());
    assert!(scene.works(&second.token.0).await.is_some_and(|caller| caller.till.is_none() && caller.place.is_empty()));
    scene.run("update staff set disabled_at = now()").await;
    assert!(scene.works(&second.token.0).await.is_none());
}

#[tokio::test]
async fn passwords_cannot_be_tried_for_ever() {
    let scene = Scene::set().await;
    scene.hire("olga", Role::Admin).await;
    for _ in 0..10 {
        assert_eq!(key_of(scene.enter("olga", "wrong").await), "sign-in-failed");
    }
    assert_eq!(key_of(scene.enter("olga", PASSWORD).await), "too-many-requests", "even the right one");
    let elsewhere = "198.51.100.1".parse().unwrap();
    StaffApi::sign_in(&scene.shop, "olga", PASSWORD, elsewhere).await.unwrap();
}

#[tokio::test]
async fn hostile_input_is_only_wrong() {
    let scene = Scene::set().await;
    scene.hire("olga", Role::Admin).await;
    let long = "x".repeat(1_000_000);
    for (login, password) in [("", ""), (&long[..], PASSWORD), ("olga", &long), ("ol\0ga", "\0"), ("' or 1=1 --", "x")]
    {
        assert_eq!(key_of(scene.enter(login, password).await), "sign-in-failed");
    }
    for token in ["", "\0", &long, &"A".repeat(43)] {
        assert!(scene.works(token).await.is_none());
        StaffApi::sign_out(&scene.shop, token).await.unwrap();
    }
    assert_eq!(key_of(scene.shop.hash_password("").await), "invalid-password");
    assert_eq!(key_of(scene.shop.hash_password(&long).await), "invalid-password");
}

#[tokio::test]
async fn hashes_are_argon2id_and_never_the_same() {
    let scene = Scene::set().await;
    let (one, two) =
        (scene.shop.hash_password(PASSWORD).await.unwrap(), scene.shop.hash_password(PASSWORD).await.unwrap());
    assert!(one.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{one}");
    assert_ne!(one, two);
}

/// Shifts change; only wrong passwords count.
#[tokio::test]
async fn signing_in_often_is_no_offence() {
    let scene = Scene::set().await;
    scene.hire("olga", Role::Admin).await;
    for _ in 0..12 {
        scene.enter("olga", PASSWORD).await.unwrap();
    }
}

#[tokio::test]
async fn guesses_made_at_once_are_counted_all() {
    let scene = std::sync::Arc::new(Scene::set().await);
    scene.hire("olga", Role::Admin).await;
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let scene = scene.clone();
            tokio::spawn(async move { key_of(scene.enter("olga", "wrong").await) })
        })
        .collect();
    let mut tried = 0;
    for task in tasks {
        tried += u32::from(task.await.unwrap() == "sign-in-failed");
    }
    assert!((10..=11).contains(&tried), "{tried} guesses were looked at");
}

/// More at once than may hash at one time: they queue, and all are answered.
#[tokio::test]
async fn a_crowd_at_the_door_queues() {
    let scene = std::sync::Arc::new(Scene::set().await);
    scene.hire("olga", Role::Admin).await;
    let tasks: Vec<_> = (0..9)
        .map(|_| {
            let scene = scene.clone();
            tokio::spawn(async move { scene.enter("olga", PASSWORD).await.is_ok() })
        })
        .collect();
    for task in tasks {
        assert!(task.await.unwrap());
    }
}
