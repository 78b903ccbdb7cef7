drop index event_audience_of_event;
