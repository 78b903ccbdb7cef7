-- Whoever follows a firm's log reads each new event once, with all who hear of it.
create index event_audience_of_event on event_audience (firm_id, position);
