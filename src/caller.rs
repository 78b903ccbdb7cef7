//! Who asks: the person at the keyboard, whom they act as, and what that lets them do.
//!
//! A rule of the domain is a type that implements [`Permission`]; [`Caller::permit`] judges it and answers a
//! [`Permit`], which the stores demand. No proof of permission, no row.

use crate::error::{Error, ErrorCode, Refusal};
use serde::{Deserialize, Serialize};
use std::marker::PhantomData;
use uuid::Uuid;

/// A user's key: `(firm, id)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct UserKey {
    pub firm: Uuid,
    pub id: Uuid,
}

crate::text_enum! {
    /// What kind of user someone is (requirements A44); administrative rights are capabilities of their own.
    pub enum Kind {
        /// Advises clients.
        Adviser = "ADVISER",
        /// Works for advisers; never a client's adviser.
        Assistant = "ASSISTANT",
        /// Only acts for those who let them; has no clients and no cases.
        BackOffice = "BACK_OFFICE",
        /// An outside representative of companies.
        CompanyRep = "COMPANY_REP",
    }
}

crate::text_enum! {
    /// An administrative right, beside the kind of user.
    pub enum Capability {
        /// Runs the firm: staff, companies, templates, policy, webhooks.
        SetupAdmin = "SETUP_ADMIN",
        /// Sees the directory of all clients and assigns them.
        ClientAdmin = "CLIENT_ADMIN",
        /// Registers portal logins in bulk and sets Master.
        PortalAdmin = "PORTAL_ADMIN",
        /// Reads the audit trail.
        Auditor = "AUDITOR",
    }
}

crate::text_enum! {
    /// What a delegate may do with the principal's clients and cases.
    pub enum Action {
        /// Look at clients and cases.
        View = "VIEW",
        /// Change clients and cases.
        Edit = "EDIT",
        /// Print cases.
        Print = "PRINT",
        /// Change who else sees a client.
        Share = "SHARE",
    }
}

crate::text_enum! {
    /// Whether an impersonation may change anything.
    pub enum Mode {
        /// Looks and prints.
        ReadOnly = "READ_ONLY",
        /// Also changes what the scope allows.
        ReadWrite = "READ_WRITE",
    }
}

/// Someone acts for a principal at this moment.
#[derive(Clone, Debug)]
pub struct Acting {
    pub impersonation: Uuid,
    pub delegation: Uuid,
    pub principal: UserKey,
    pub principal_kind: Kind,
    pub mode: Mode,
    pub scope: Vec<Action>,
    /// Whether only the clients count that the principal listed for the delegation.
    pub only_listed_clients: bool,
}

/// Whether the session acts for someone.
#[derive(Clone, Debug)]
pub enum Stand {
    /// As oneself.
    Own,
    /// For a principal.
    Acting(Acting),
    /// The impersonation ended without the actor's doing, and the actor has not taken note of it yet: until they
    /// stop or switch, nothing is done in anybody's name.
    Lapsed { impersonation: Uuid, principal: UserKey },
}

/// Who asks.
#[derive(Clone, Debug)]
pub struct Caller {
    /// The person at the keyboard.
    pub actor: UserKey,
    pub kind: Kind,
    pub capabilities: Vec<Capability>,
    pub session: Uuid,
    pub stand: Stand,
}

impl Caller {
    /// Whose data is seen: the principal's while impersonating, otherwise the actor's own.
    pub fn subject(&self) -> UserKey {
        match &self.stand {
            Stand::Acting(acting) => acting.principal,
            Stand::Own | Stand::Lapsed { .. } => self.actor,
        }
    }

    /// Whom the caller acts for, if anybody.
    pub fn acting(&self) -> Option<&Acting> {
        match &self.stand {
            Stand::Acting(acting) => Some(acting),
            Stand::Own | Stand::Lapsed { .. } => None,
        }
    }

    /// What kind of user it is whose data is seen.
    pub fn subject_kind(&self) -> Kind {
        self.acting().map_or(self.kind, |acting| acting.principal_kind)
    }

    /// Refuses what an impersonation does not include, and says what it lacks: an action of the delegation's scope, or the
    /// mode in which something can be changed. Whoever is there as themselves lacks neither.
    pub fn require(&self, action: Action) -> Result<(), Error> {
        let Some(acting) = self.acting() else { return Ok(()) };
        if !acting.scope.contains(&action) {
            let missing = action.as_str();
            return Err(Error::out_of_scope(missing, format!("The delegation does not include {missing}.")));
        }
        if matches!(action, Action::Edit | Action::Share) && acting.mode == Mode::ReadOnly {
            let message =
                "This impersonation is READ_ONLY. To change anything, start it with mode READ_WRITE.";
            return Err(Error::out_of_scope(Mode::ReadWrite.as_str(), message));
        }
        Ok(())
    }

    /// Whether the caller, as themselves, has the capability.
    pub fn has(&self, capability: Capability) -> bool {
        self.acting().is_none() && self.capabilities.contains(&capability)
    }

    /// Whether the caller, as themselves, may see and end what is done in somebody's name: their own, or, for a setup admin,
    /// anybody's of the firm.
    pub fn may_end_for(&self, principal: UserKey) -> bool {
        let own = self.acting().is_none() && principal == self.actor;
        own || principal.firm == self.actor.firm && self.has(Capability::SetupAdmin)
    }

    /// Judges a permission; answers the proof, or the refusal that names the rule.
    pub fn permit<P: Permission>(&self, _permission: P) -> Result<Permit<P>, Error> {
        if P::allows(self) {
            return Ok(Permit { subject: self.subject(), permission: PhantomData });
        }
        if self.acting().is_some() {
            return Err(Error::stop(ErrorCode::NotWhileImpersonating));
        }
        Err(Refusal::forbidden(P::RULE, P::GRANTABLE_BY).into())
    }
}

/// A rule about who may do something.
pub trait Permission {
    /// The rule in words, shown to whoever is refused.
    const RULE: &'static str;
    /// Who could grant it, shown beside the rule.
    const GRANTABLE_BY: &'static str;

    fn allows(caller: &Caller) -> bool;
}

/// What people only do as themselves: about their own account, and what others do in their name.
#[derive(Debug)]
pub struct AsOneself;

impl Permission for AsOneself {
    const RULE: &'static str = "Only the person themselves does this.";
    const GRANTABLE_BY: &'static str = "nobody";

    fn allows(caller: &Caller) -> bool {
        caller.acting().is_none()
    }
}

/// The proof that a [`Permission`] was given, and on whose behalf.
#[derive(Debug)]
pub struct Permit<P> {
    subject: UserKey,
    permission: PhantomData<P>,
}

impl<P> Permit<P> {
    /// In whose name it is done.
    pub fn subject(&self) -> UserKey {
        self.subject
    }
}
