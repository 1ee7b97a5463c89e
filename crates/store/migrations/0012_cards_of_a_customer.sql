-- Every card that a customer ever had: renewing theirs looks for the last ones, and must not read everybody's.
create index cards_of_customer on cards (customer_id, scope_kind, valid_from desc, id desc);
