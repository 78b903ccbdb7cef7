//! The marks of the schema: what each mutation is for whom. Abuse 2.

use async_graphql::parser::parse_query;
use locum::caller::{Acting, Action, Caller, Capability, Kind, Mode, Stand, UserKey};
use locum::error::{Error, ErrorCode};
use locum::graphql::{guard::Guard, sdl};
use std::collections::BTreeSet;
use uuid::Uuid;

/// What may be done while impersonating, and what it needs. A new mutation stands here, or it is refused.
const IMPERSONATABLE: [(&str, Action); 6] = [
    ("createCase", Action::Edit),
    ("createClient", Action::Edit),
    ("printCase", Action::Print),
    ("setClientWorkgroup", Action::Share),
    ("updateCase", Action::Edit),
    ("updateClient", Action::Edit),
];

#[test]
fn abuse_2_an_unmarked_mutation_is_refused_while_impersonating() {
    let guard = Guard::new(&sdl()).unwrap();
    let as_actor: BTreeSet<_> =
        guard.mutations().iter().filter(|(_, marks)| marks.as_actor).map(|(name, _)| name.as_str()).collect();
    let public: BTreeSet<_> =
        guard.mutations().iter().filter(|(_, marks)| marks.public).map(|(name, _)| name.as_str()).collect();
    let mut marked: Vec<(&str, Action)> =
        guard.mutations().iter().filter_map(|(name, marks)| Some((name.as_str(), marks.needs?))).collect();
    marked.sort_by_key(|(name, _)| *name);
    assert_eq!(as_actor, BTreeSet::from(["signOut", "startImpersonation", "stopImpersonation"]));
    let without_session = [
        "completeRegistration",
        "registerFirm",
        "reportUnwantedMail",
        "requestPasswordReset",
        "resetPassword",
        "signIn",
    ];
    assert_eq!(public, BTreeSet::from(without_session));
    assert_eq!(marked, IMPERSONATABLE);
    for (name, marks) in guard.mutations() {
        assert!(
            marks.alone || !(marks.public || marks.as_actor),
            "{name} changes who the caller is, so it stands alone"
        );
    }
}

/// Every mutation of the schema, as somebody who acts in each mode within each scope there is, and as somebody whose
/// impersonation has ended: what is not marked is refused, and each refusal says what is missing.
#[test]
fn abuse_2_every_mutation_in_every_mode_and_scope() {
    let guard = Guard::new(&sdl()).unwrap();
    let key = UserKey { firm: Uuid::nil(), id: Uuid::nil() };
    let caller = |stand| Caller {
        actor: key,
        kind: Kind::BackOffice,
        capabilities: Capability::ALL.to_vec(),
        session: Uuid::nil(),
        stand,
    };
    let others = [Action::Edit, Action::Print, Action::Share];
    let scopes = (0..8).map(|bits| {
        let chosen =
            others.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 == 1).map(|(_, action)| *action);
        std::iter::once(Action::View).chain(chosen).collect::<Vec<_>>()
    });
    let mut stands = vec![(Stand::Lapsed { impersonation: Uuid::nil(), principal: key }, None)];
    for scope in scopes {
        for mode in [Mode::ReadOnly, Mode::ReadWrite] {
            let acting = Acting {
                impersonation: Uuid::nil(),
                delegation: Uuid::nil(),
                principal: key,
                principal_kind: Kind::Adviser,
                mode,
                scope: scope.clone(),
                only_listed_clients: false,
            };
            stands.push((Stand::Acting(acting), Some((mode, scope.clone()))));
        }
    }
    assert_eq!(stands.len(), 17);
    for (name, marks) in guard.mutations() {
        let document = parse_query(format!("mutation {{ {name} }}")).unwrap();
        let (_, operation) = document.operations.iter().next().unwrap();
        for (stand, acting) in &stands {
            let admitted = guard.admit(&document, &operation.node, Some(&caller(stand.clone())));
            let refusal = admitted.err().map(|error| match error {
                Error::Stop(stop) => (stop.code, stop.missing),
                other => panic!("{name}: {other:?}"),
            });
            let needs = IMPERSONATABLE.iter().find(|(marked, _)| marked == name).map(|(_, action)| *action);
            let expected = match (acting, needs) {
                _ if marks.public || marks.as_actor => None,
                (None, _) => Some((ErrorCode::ImpersonationEnded, None)),
                (_, None) => Some((ErrorCode::NotWhileImpersonating, None)),
                (Some((_, scope)), Some(action)) if !scope.contains(&action) => {
                    Some((ErrorCode::OutOfScope, Some(action.as_str())))
                }
                (Some((Mode::ReadOnly, _)), Some(Action::Edit | Action::Share)) => {
                    Some((ErrorCode::OutOfScope, Some("READ_WRITE")))
                }
                _ => None,
            };
            assert_eq!(refusal, expected, "{name} {acting:?}");
        }
    }
}
