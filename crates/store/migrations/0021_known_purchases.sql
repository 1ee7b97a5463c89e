-- Ends a statement that is to hold as a whole or not at all.
create function insist(holds boolean) returns boolean language plpgsql as $$
begin
    if holds is not true then
        raise exception using errcode = 'KV001', message = 'something is no longer as the statement takes it to be';
    end if;
    return true;
end
$$;

-- A close changes no indexed column of its session, and finds room for the new row beside the old one (HOT). The clean-up
-- reads the table, part by part.
drop index sessions_open;
