//! The schema, put together.

use super::context::Services;
use super::cost::Buckets;
use super::documents::Documents;
use super::guard::Guard;
use super::limits::Sizes;
use super::loaders::{
    ActionLoader, CaseLoader, ClientLoader, DecisionLoader, FirmLoader, InviteLoader, ListedLoader,
    MemberLoader, SharedLoader, UserLoader, WorkgroupLoader,
};
use super::scalar::DATE_TIME;
use super::shape::Shapes;
use super::subscription::Subscription;
use super::{
    case, client, delegation, event, firm, impersonation, node, sign_in, user, viewer, webhook, workgroup,
};
use crate::db::counting;
use async_graphql::dataloader::DataLoader;
use async_graphql::{MergedObject, SDLExportOptions, SchemaBuilder};
use chrono::{DateTime, Utc};
use std::sync::Arc;

/// What can be read. Everything is seen as the viewer sees it: as the principal while impersonating.
#[derive(MergedObject, Default)]
pub struct Query(
    viewer::Queries,
    client::Queries,
    case::Queries,
    event::Queries,
    webhook::Queries,
    node::Queries,
);

/// What can be changed. Each mutation is a transaction of its own: either it happened and `userErrors` is empty, or
/// nothing happened.
#[derive(MergedObject, Default)]
pub struct Mutation(
    firm::Mutations,
    sign_in::Mutations,
    user::Mutations,
    client::Mutations,
    case::Mutations,
    delegation::Mutations,
    impersonation::Mutations,
    webhook::Mutations,
    workgroup::Mutations,
    workgroup::InviteMutations,
);

/// The schema.
pub type Schema = async_graphql::Schema<Query, Mutation, Subscription>;

fn builder() -> SchemaBuilder<Query, Mutation, Subscription> {
    Schema::build(Query::default(), Mutation::default(), Subscription)
        .register_output_type::<node::Node>()
        .override_output_type_description::<DateTime<Utc>>(DATE_TIME)
        .disable_suggestions()
}

/// The schema's text, as `schema.graphql` has it.
pub fn sdl() -> String {
    builder().finish().sdl_with_options(
        SDLExportOptions::new().sorted_fields().sorted_arguments().sorted_enum_items().include_specified_by(),
    )
}

/// The schema with its services, and what is read from its text.
pub struct Face {
    pub schema: Schema,
    pub documents: Documents,
    pub guard: Guard,
    pub sizes: Sizes,
    pub shapes: Shapes,
    pub buckets: Arc<Buckets>,
}

fn loader<L>(of: L) -> DataLoader<L> {
    DataLoader::new(of, |load| tokio::spawn(counting::into(counting::current(), load)))
}

/// Puts it together; without introspection for everybody whom the explorer is not served to.
pub fn build(services: Services, introspection: bool) -> anyhow::Result<Face> {
    let limits = services.limits.clone();
    let buckets = Arc::new(Buckets::new(limits.clone()));
    let mut builder = builder()
        .limit_complexity(limits.complexity)
        .limit_depth(limits.depth)
        .limit_directives(limits.directives)
        .data(loader(FirmLoader(services.log.clone())))
        .data(loader(ClientLoader(services.log.clone())))
        .data(loader(CaseLoader(services.log.clone())))
        .data(loader(ListedLoader(services.log.clone())))
        .data(loader(ActionLoader(services.log.clone())))
        .data(loader(DecisionLoader(services.log.clone())))
        .data(loader(InviteLoader(services.log.clone())))
        .data(loader(MemberLoader(services.log.clone())))
        .data(loader(SharedLoader(services.log.clone())))
        .data(loader(UserLoader(services.log.clone())))
        .data(loader(WorkgroupLoader(services.log.clone())))
        .data(services);
    if !introspection {
        builder = builder.disable_introspection();
    }
    let sdl = sdl();
    Ok(Face {
        schema: builder.finish(),
        documents: Documents::new(limits),
        guard: Guard::new(&sdl)?,
        sizes: Sizes::new(&sdl)?,
        shapes: Shapes::new(&sdl)?,
        buckets,
    })
}
