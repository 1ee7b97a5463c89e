-- What and how a customer buys is read and written whole, with every purchase: a text, as in 0020. The database took forty
-- numbers apart and put them together again each time. Whoever asks it a question says ::jsonb.
alter table customers
    alter column composition drop default,
    alter column composition type text,
    alter column composition set default '{}',
    alter column habits drop default,
    alter column habits type text,
    alter column habits set default '{"discount":0,"discounted":0,"returned":0,"returns":0,"gap_squares":0,"hours":[0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0],"weekdays":[0,0,0,0,0,0,0]}';
