CREATE EXTENSION IF NOT EXISTS pg_trgm WITH SCHEMA public;
COMMENT ON EXTENSION pg_trgm IS 'text similarity measurement and index searching based on trigrams';
CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);
CREATE TABLE public.message (
    id character varying(64) NOT NULL COLLATE pg_catalog."C",
    session_id character varying(64) NOT NULL COLLATE pg_catalog."C",
    unfinished boolean NOT NULL,
    data text NOT NULL
);
CREATE TABLE public.part (
    id character varying(64) NOT NULL COLLATE pg_catalog."C",
    session_id character varying(64) NOT NULL COLLATE pg_catalog."C",
    message_id character varying(64) NOT NULL COLLATE pg_catalog."C",
    data text NOT NULL,
    searchable boolean NOT NULL,
    number bigint NOT NULL
);
CREATE SEQUENCE public.part_number_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
ALTER SEQUENCE public.part_number_seq OWNED BY public.part.number;
CREATE TABLE public.session (
    id character varying(64) NOT NULL COLLATE pg_catalog."C",
    parent_id character varying(64) COLLATE pg_catalog."C",
    title text NOT NULL,
    time_updated bigint NOT NULL,
    data text NOT NULL,
    pinned boolean DEFAULT false NOT NULL
);
CREATE TABLE public.todo (
    session_id character varying(64) NOT NULL COLLATE pg_catalog."C",
    "position" integer NOT NULL,
    data text NOT NULL
);
ALTER TABLE ONLY public.part ALTER COLUMN number SET DEFAULT nextval('public.part_number_seq'::regclass);
INSERT INTO public.alembic_version VALUES ('0003');
INSERT INTO public.message VALUES ('msg_21e2a4570002TeRVdlITbSZUSe', 'ses_000000000000aaaaaaaaaaaaaa', false, '{"role":"user","id":"msg_21e2a4570002TeRVdlITbSZUSe","sessionID":"ses_000000000000aaaaaaaaaaaaaa","time":{"created":1},"agent":"build","model":{"providerID":"demo","modelID":"demo"}}');
INSERT INTO public.message VALUES ('msg_21e2a4570004FFqAPbQqD3iEN2', 'ses_000000000000aaaaaaaaaaaaaa', false, '{"role":"assistant","id":"msg_21e2a4570004FFqAPbQqD3iEN2","sessionID":"ses_000000000000aaaaaaaaaaaaaa","time":{"created":1,"completed":2},"parentID":"msg_1","modelID":"demo","providerID":"demo","mode":"build","agent":"build","path":{"cwd":"/","root":"/"},"cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}}}');
INSERT INTO public.message VALUES ('msg_21e2a45700066eQwzfW63BtUti', 'ses_000000000000aaaaaaaaaaaaaa', false, '{"role":"user","id":"msg_21e2a45700066eQwzfW63BtUti","sessionID":"ses_000000000000aaaaaaaaaaaaaa","time":{"created":1},"agent":"build","model":{"providerID":"demo","modelID":"demo"}}');
INSERT INTO public.message VALUES ('msg_21e2a4570008zYBqG6Z9URGbIA', 'ses_000000000000aaaaaaaaaaaaaa', false, '{"role":"assistant","id":"msg_21e2a4570008zYBqG6Z9URGbIA","sessionID":"ses_000000000000aaaaaaaaaaaaaa","time":{"created":1,"completed":2},"parentID":"msg_1","modelID":"demo","providerID":"demo","mode":"build","agent":"build","path":{"cwd":"/","root":"/"},"cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}}}');
INSERT INTO public.message VALUES ('msg_21e2a458c001laBwkxQChwhvDP', 'ses_000000000001aaaaaaaaaaaaaa', false, '{"role":"user","id":"msg_21e2a458c001laBwkxQChwhvDP","sessionID":"ses_000000000001aaaaaaaaaaaaaa","time":{"created":1},"agent":"build","model":{"providerID":"demo","modelID":"demo"}}');
INSERT INTO public.message VALUES ('msg_21e2a458c003Z7MTL4p45bLd3L', 'ses_000000000001aaaaaaaaaaaaaa', false, '{"role":"assistant","id":"msg_21e2a458c003Z7MTL4p45bLd3L","sessionID":"ses_000000000001aaaaaaaaaaaaaa","time":{"created":1,"completed":2},"parentID":"msg_1","modelID":"demo","providerID":"demo","mode":"build","agent":"build","path":{"cwd":"/","root":"/"},"cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}}}');
INSERT INTO public.message VALUES ('msg_21e2a458c0052P6v5nt5UqIsvd', 'ses_000000000001aaaaaaaaaaaaaa', false, '{"role":"user","id":"msg_21e2a458c0052P6v5nt5UqIsvd","sessionID":"ses_000000000001aaaaaaaaaaaaaa","time":{"created":1},"agent":"build","model":{"providerID":"demo","modelID":"demo"}}');
INSERT INTO public.message VALUES ('msg_21e2a458c007UDwWS0rEMOBD78', 'ses_000000000001aaaaaaaaaaaaaa', true, '{"role":"assistant","id":"msg_21e2a458c007UDwWS0rEMOBD78","sessionID":"ses_000000000001aaaaaaaaaaaaaa","time":{"created":1},"parentID":"msg_1","modelID":"demo","providerID":"demo","mode":"build","agent":"build","path":{"cwd":"/","root":"/"},"cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}}}');
INSERT INTO public.message VALUES ('msg_21e2a4594002Zme0mQ6zDkvEAr', 'ses_000000000002aaaaaaaaaaaaaa', false, '{"role":"user","id":"msg_21e2a4594002Zme0mQ6zDkvEAr","sessionID":"ses_000000000002aaaaaaaaaaaaaa","time":{"created":1},"agent":"build","model":{"providerID":"demo","modelID":"demo"}}');
INSERT INTO public.message VALUES ('msg_21e2a4594004PVkB4OABL2lC2G', 'ses_000000000002aaaaaaaaaaaaaa', false, '{"role":"assistant","id":"msg_21e2a4594004PVkB4OABL2lC2G","sessionID":"ses_000000000002aaaaaaaaaaaaaa","time":{"created":1,"completed":2},"parentID":"msg_1","modelID":"demo","providerID":"demo","mode":"build","agent":"build","path":{"cwd":"/","root":"/"},"cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}}}');
INSERT INTO public.message VALUES ('msg_21e2a4594006jG4bnS3aOSgakn', 'ses_000000000002aaaaaaaaaaaaaa', false, '{"role":"user","id":"msg_21e2a4594006jG4bnS3aOSgakn","sessionID":"ses_000000000002aaaaaaaaaaaaaa","time":{"created":1},"agent":"build","model":{"providerID":"demo","modelID":"demo"}}');
INSERT INTO public.message VALUES ('msg_21e2a4594008AMHw1BsgWzgbrL', 'ses_000000000002aaaaaaaaaaaaaa', false, '{"role":"assistant","id":"msg_21e2a4594008AMHw1BsgWzgbrL","sessionID":"ses_000000000002aaaaaaaaaaaaaa","time":{"created":1,"completed":2},"parentID":"msg_1","modelID":"demo","providerID":"demo","mode":"build","agent":"build","path":{"cwd":"/","root":"/"},"cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}}}');
INSERT INTO public.part VALUES ('prt_21e2a45700032mlzKCcyKt3LLk', 'ses_000000000000aaaaaaaaaaaaaa', 'msg_21e2a4570002TeRVdlITbSZUSe', '{"type":"text","id":"prt_21e2a45700032mlzKCcyKt3LLk","sessionID":"ses_000000000000aaaaaaaaaaaaaa","messageID":"msg_21e2a4570002TeRVdlITbSZUSe","text":"question0x0 about the museum"}', true, 1);
INSERT INTO public.part VALUES ('prt_21e2a4570005Y5ee0BJ9TgfTBu', 'ses_000000000000aaaaaaaaaaaaaa', 'msg_21e2a4570004FFqAPbQqD3iEN2', '{"type":"text","id":"prt_21e2a4570005Y5ee0BJ9TgfTBu","sessionID":"ses_000000000000aaaaaaaaaaaaaa","messageID":"msg_21e2a4570004FFqAPbQqD3iEN2","text":"answer0x0: unbelievably good, très bon","time":{"start":1,"end":2}}', true, 2);
INSERT INTO public.part VALUES ('prt_21e2a4570007uyIqcheV6VpD2W', 'ses_000000000000aaaaaaaaaaaaaa', 'msg_21e2a45700066eQwzfW63BtUti', '{"type":"text","id":"prt_21e2a4570007uyIqcheV6VpD2W","sessionID":"ses_000000000000aaaaaaaaaaaaaa","messageID":"msg_21e2a45700066eQwzfW63BtUti","text":"question0x1 about the museum"}', true, 3);
INSERT INTO public.part VALUES ('prt_21e2a4570009XQGvYiLSqDMcbR', 'ses_000000000000aaaaaaaaaaaaaa', 'msg_21e2a4570008zYBqG6Z9URGbIA', '{"type":"text","id":"prt_21e2a4570009XQGvYiLSqDMcbR","sessionID":"ses_000000000000aaaaaaaaaaaaaa","messageID":"msg_21e2a4570008zYBqG6Z9URGbIA","text":"answer0x1: unbelievably good, très bon","time":{"start":1,"end":2}}', true, 4);
INSERT INTO public.part VALUES ('prt_21e2a458c002bgbD5B26TK8IJH', 'ses_000000000001aaaaaaaaaaaaaa', 'msg_21e2a458c001laBwkxQChwhvDP', '{"type":"text","id":"prt_21e2a458c002bgbD5B26TK8IJH","sessionID":"ses_000000000001aaaaaaaaaaaaaa","messageID":"msg_21e2a458c001laBwkxQChwhvDP","text":"question1x0 about the museum"}', true, 5);
INSERT INTO public.part VALUES ('prt_21e2a458c004KJ9xwd2SGWTO26', 'ses_000000000001aaaaaaaaaaaaaa', 'msg_21e2a458c003Z7MTL4p45bLd3L', '{"type":"text","id":"prt_21e2a458c004KJ9xwd2SGWTO26","sessionID":"ses_000000000001aaaaaaaaaaaaaa","messageID":"msg_21e2a458c003Z7MTL4p45bLd3L","text":"answer1x0: unbelievably good, très bon","time":{"start":1,"end":2}}', true, 6);
INSERT INTO public.part VALUES ('prt_21e2a458c006XO2n963qEw5tCk', 'ses_000000000001aaaaaaaaaaaaaa', 'msg_21e2a458c0052P6v5nt5UqIsvd', '{"type":"text","id":"prt_21e2a458c006XO2n963qEw5tCk","sessionID":"ses_000000000001aaaaaaaaaaaaaa","messageID":"msg_21e2a458c0052P6v5nt5UqIsvd","text":"question1x1 about the museum"}', true, 7);
INSERT INTO public.part VALUES ('prt_21e2a458c008s0jW3uUegTFYCL', 'ses_000000000001aaaaaaaaaaaaaa', 'msg_21e2a458c007UDwWS0rEMOBD78', '{"type":"text","id":"prt_21e2a458c008s0jW3uUegTFYCL","sessionID":"ses_000000000001aaaaaaaaaaaaaa","messageID":"msg_21e2a458c007UDwWS0rEMOBD78","text":"answer1x1: unbelievably good, très bon","time":{"start":1}}', false, 8);
INSERT INTO public.part VALUES ('prt_21e2a45940034Ih3BjImAclMx1', 'ses_000000000002aaaaaaaaaaaaaa', 'msg_21e2a4594002Zme0mQ6zDkvEAr', '{"type":"text","id":"prt_21e2a45940034Ih3BjImAclMx1","sessionID":"ses_000000000002aaaaaaaaaaaaaa","messageID":"msg_21e2a4594002Zme0mQ6zDkvEAr","text":"question2x0 about the museum"}', true, 9);
INSERT INTO public.part VALUES ('prt_21e2a4594005A34tOD1L7T7C5n', 'ses_000000000002aaaaaaaaaaaaaa', 'msg_21e2a4594004PVkB4OABL2lC2G', '{"type":"text","id":"prt_21e2a4594005A34tOD1L7T7C5n","sessionID":"ses_000000000002aaaaaaaaaaaaaa","messageID":"msg_21e2a4594004PVkB4OABL2lC2G","text":"answer2x0: unbelievably good, très bon","time":{"start":1,"end":2}}', true, 10);
INSERT INTO public.part VALUES ('prt_21e2a45940073DE5AJj5R78RTd', 'ses_000000000002aaaaaaaaaaaaaa', 'msg_21e2a4594006jG4bnS3aOSgakn', '{"type":"text","id":"prt_21e2a45940073DE5AJj5R78RTd","sessionID":"ses_000000000002aaaaaaaaaaaaaa","messageID":"msg_21e2a4594006jG4bnS3aOSgakn","text":"question2x1 about the museum"}', true, 11);
INSERT INTO public.part VALUES ('prt_21e2a4594009ElemHpAIC4jVlV', 'ses_000000000002aaaaaaaaaaaaaa', 'msg_21e2a4594008AMHw1BsgWzgbrL', '{"type":"text","id":"prt_21e2a4594009ElemHpAIC4jVlV","sessionID":"ses_000000000002aaaaaaaaaaaaaa","messageID":"msg_21e2a4594008AMHw1BsgWzgbrL","text":"answer2x1: unbelievably good, très bon","time":{"start":1,"end":2}}', true, 12);
INSERT INTO public.session VALUES ('ses_000000000000aaaaaaaaaaaaaa', NULL, 'Trip to Lisbon', 1700000000000, '{"id":"ses_000000000000aaaaaaaaaaaaaa","slug":"quiet-harbor","projectID":"global","directory":"/","title":"Trip to Lisbon","version":"1","time":{"created":1,"updated":1700000000000},"cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}},"metadata":{"pinned":true}}', true);
INSERT INTO public.session VALUES ('ses_000000000001aaaaaaaaaaaaaa', NULL, 'Café menus', 1700000000001, '{"id":"ses_000000000001aaaaaaaaaaaaaa","slug":"quiet-harbor","projectID":"global","directory":"/","title":"Café menus","version":"1","time":{"created":1,"updated":1700000000001},"cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}}}', false);
INSERT INTO public.session VALUES ('ses_000000000002aaaaaaaaaaaaaa', 'ses_000000000001aaaaaaaaaaaaaa', '東京都 guide', 1700000000002, '{"id":"ses_000000000002aaaaaaaaaaaaaa","slug":"quiet-harbor","projectID":"global","directory":"/","title":"東京都 guide","version":"1","time":{"created":1,"updated":1700000000002},"cost":0,"tokens":{"input":0,"output":0,"reasoning":0,"cache":{"read":0,"write":0}},"parentID":"ses_000000000001aaaaaaaaaaaaaa"}', false);
INSERT INTO public.todo VALUES ('ses_000000000000aaaaaaaaaaaaaa', 0, '{"content":"pack","status":"pending","priority":"medium"}');
INSERT INTO public.todo VALUES ('ses_000000000000aaaaaaaaaaaaaa', 1, '{"content":"book","status":"completed","priority":"medium"}');
INSERT INTO public.todo VALUES ('ses_000000000001aaaaaaaaaaaaaa', 0, '{"content":"pack","status":"pending","priority":"medium"}');
INSERT INTO public.todo VALUES ('ses_000000000001aaaaaaaaaaaaaa', 1, '{"content":"book","status":"completed","priority":"medium"}');
INSERT INTO public.todo VALUES ('ses_000000000002aaaaaaaaaaaaaa', 0, '{"content":"pack","status":"pending","priority":"medium"}');
INSERT INTO public.todo VALUES ('ses_000000000002aaaaaaaaaaaaaa', 1, '{"content":"book","status":"completed","priority":"medium"}');
SELECT pg_catalog.setval('public.part_number_seq', 12, true);
ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);
ALTER TABLE ONLY public.message
    ADD CONSTRAINT pk_message PRIMARY KEY (id);
ALTER TABLE ONLY public.part
    ADD CONSTRAINT pk_part PRIMARY KEY (number);
ALTER TABLE ONLY public.session
    ADD CONSTRAINT pk_session PRIMARY KEY (id);
ALTER TABLE ONLY public.todo
    ADD CONSTRAINT pk_todo PRIMARY KEY (session_id, "position");
ALTER TABLE ONLY public.part
    ADD CONSTRAINT uq_part_id UNIQUE (id);
CREATE INDEX ix_message_session_id_id ON public.message USING btree (session_id, id);
CREATE INDEX ix_message_unfinished ON public.message USING btree (unfinished);
CREATE INDEX ix_part_said ON public.part USING gin (data public.gin_trgm_ops) WHERE searchable;
CREATE INDEX ix_part_session_id_message_id_id ON public.part USING btree (session_id, message_id, id);
CREATE INDEX ix_session_parent_id_time_updated_id_title ON public.session USING btree (parent_id, time_updated, id);
CREATE INDEX ix_session_pinned ON public.session USING btree (parent_id, time_updated, id) WHERE (pinned IS TRUE);
CREATE INDEX ix_session_time_updated_id_title ON public.session USING btree (time_updated, id);
ALTER TABLE ONLY public.message
    ADD CONSTRAINT fk_message_session_id FOREIGN KEY (session_id) REFERENCES public.session(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.part
    ADD CONSTRAINT fk_part_session_id FOREIGN KEY (session_id) REFERENCES public.session(id) ON DELETE CASCADE;
ALTER TABLE ONLY public.todo
    ADD CONSTRAINT fk_todo_session_id FOREIGN KEY (session_id) REFERENCES public.session(id) ON DELETE CASCADE;
