BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0001');
CREATE TABLE answered (
	message_id BIGINT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	guild_id BIGINT, 
	PRIMARY KEY (message_id)
);
CREATE TABLE jobs (
	id VARCHAR(25) NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	guild_id BIGINT, 
	channel_id BIGINT, 
	member_id BIGINT, 
	request_message_id BIGINT, 
	status_message_id BIGINT, 
	interaction_token TEXT, 
	parent VARCHAR(25), 
	recipe TEXT NOT NULL, 
	has_source BOOLEAN NOT NULL, 
	width BIGINT, 
	height BIGINT, 
	cost FLOAT NOT NULL, 
	previews BOOLEAN NOT NULL, 
	spoiler BOOLEAN NOT NULL, 
	max_bytes BIGINT NOT NULL, 
	created_at DATETIME NOT NULL, 
	due_at DATETIME, 
	started_at DATETIME, 
	finished_at DATETIME, 
	owner VARCHAR(16), 
	reason TEXT, 
	filename TEXT, 
	report JSON, 
	PRIMARY KEY (id), 
	UNIQUE (request_message_id)
);
INSERT INTO "jobs" VALUES('job0','dream','queued',1,2,3,10,20,NULL,NULL,'block8',1,64,64,2.0,1,0,10000000,'2026-11-20 09:00:00.000000',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('job1','dream','delivering',1,2,3,11,21,NULL,NULL,'block8',1,64,64,2.0,1,0,10000000,'2026-11-20 09:00:00.000000',NULL,NULL,NULL,NULL,NULL,NULL,NULL);
INSERT INTO "jobs" VALUES('job2','dream','done',1,2,3,12,22,NULL,NULL,'block8',1,64,64,2.0,1,0,10000000,'2026-11-20 09:00:00.000000',NULL,NULL,'2026-11-20 10:00:00.000000',NULL,NULL,NULL,NULL);
CREATE TABLE paces (
	"key" VARCHAR(64) NOT NULL, 
	"values" JSON NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE pictures (
	job_id VARCHAR(25) NOT NULL, 
	role VARCHAR(8) NOT NULL, 
	size BIGINT NOT NULL, 
	data BLOB NOT NULL, 
	PRIMARY KEY (job_id, role), 
	FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE
);
INSERT INTO "pictures" VALUES('job0','source',3,X'636174');
INSERT INTO "pictures" VALUES('job1','source',3,X'636174');
INSERT INTO "pictures" VALUES('job2','source',3,X'636174');
CREATE TABLE processes (
	id VARCHAR(16) NOT NULL, 
	alive_until DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
CREATE INDEX jobs_by_member ON jobs (member_id, state);
CREATE INDEX jobs_by_state ON jobs (state, owner);
CREATE INDEX jobs_by_guild ON jobs (guild_id, state);
CREATE INDEX jobs_by_finish ON jobs (finished_at);
CREATE INDEX ix_jobs_status_message_id ON jobs (status_message_id);
COMMIT;
