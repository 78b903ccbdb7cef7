//! What can be followed: the log, as it grows, as far as the viewer hears of it.

use super::connection;
use super::context::Locum;
use super::event::{Event, EventFilter};
use super::guard::{as_actor, own_only};
use crate::domain::feed::{Filter, Follower, Step};
use crate::error::Result;
use async_graphql::{Context, SimpleObject, Union};
use chrono::{DateTime, Utc};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};

/// What comes along a stream.
#[derive(Union)]
pub enum FeedItem {
    Event(Event),
    Checkpoint(Checkpoint),
}

/// How far the stream has come: nothing up to here is still to come. There is one at least every 15 seconds, and one as
/// soon as the stream has caught up.
#[derive(SimpleObject)]
pub struct Checkpoint {
    /// Where to go on from, as `after`.
    cursor: String,
    /// When this was so.
    at: DateTime<Utc>,
}

#[derive(Default)]
pub struct Subscription;

/// What can be followed, each as the only field of its operation.
#[async_graphql::Subscription]
impl Subscription {
    /// What happens that the viewer hears of, in the order in which it happens, each event at least once. Not shown while
    /// impersonating.
    #[graphql(directive = own_only::apply())]
    async fn events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "A cursor of an event or a checkpoint, at most 90 days old: it begins behind it. Without one, from now on."
        )]
        after: Option<String>,
        #[graphql(desc = "Which events are wanted; without it, all.")] filter: Option<EventFilter>,
    ) -> Result<BoxStream<'static, FeedItem>> {
        follow(ctx, after, EventFilter::read(filter)?).await
    }

    /// Invites to workgroups, to the viewer and by them. Not shown while impersonating.
    #[graphql(directive = own_only::apply())]
    async fn invite_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "A cursor of an event or a checkpoint, at most 90 days old: it begins behind it. Without one, from now on."
        )]
        after: Option<String>,
    ) -> Result<BoxStream<'static, FeedItem>> {
        let types = Some(["InviteCreated", "InviteRemoved"].map(str::to_owned).to_vec());
        follow(ctx, after, Filter { types, ..Filter::default() }).await
    }

    /// Impersonations of the person at the keyboard and by them, and what is done in them.
    #[graphql(directive = as_actor::apply())]
    async fn impersonation_events(
        &self,
        ctx: &Context<'_>,
        #[graphql(
            desc = "A cursor of an event or a checkpoint, at most 90 days old: it begins behind it. Without one, from now on."
        )]
        after: Option<String>,
    ) -> Result<BoxStream<'static, FeedItem>> {
        let types =
            ["ImpersonationStarted", "ImpersonationSwitched", "ImpersonationEnded", "ImpersonatedAction"];
        let types = Some(types.map(str::to_owned).to_vec());
        follow(ctx, after, Filter { types, ..Filter::default() }).await
    }
}

async fn follow(
    ctx: &Context<'_>,
    after: Option<String>,
    filter: Filter,
) -> Result<BoxStream<'static, FeedItem>> {
    let (after, actor) = (connection::position(after)?, ctx.caller()?.actor);
    let services = ctx.services();
    let each = services.patience.checkpoint;
    // In a box, for async-graphql keeps the room for its beginning as long as the stream lives.
    let start = Follower::start(&services.log, &services.feeds, actor, after, filter, each);
    let follower = Box::pin(start).await?;
    let clock = services.log.clock.clone();
    let items = stream::unfold((follower, clock), async |(mut follower, clock)| {
        let item = match follower.next().await {
            Step::Event(entry) => FeedItem::Event(entry.into()),
            Step::Checkpoint(position) => FeedItem::Checkpoint(Checkpoint {
                cursor: connection::by_position(position),
                at: clock.now(),
            }),
        };
        Some((item, (follower, clock)))
    });
    Ok(items.boxed())
}
