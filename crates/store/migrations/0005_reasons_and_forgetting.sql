-- Why a segment changed, structured (domain::SegmentReason), so that it is said in the reader's language. `reason` is what
-- older programs wrote, in English; nothing writes it any more, and a later migration drops it.
alter table segment_changes add column why jsonb;
alter table segment_changes alter column reason drop not null;

-- What was announced is forgotten after a while: found without reading what still waits.
create index outbox_published on outbox (published_at) where published_at is not null;
