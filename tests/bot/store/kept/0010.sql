BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0010');
CREATE TABLE answered (
	message_id BIGINT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	guild_id BIGINT, 
	PRIMARY KEY (message_id)
);
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at DATETIME NOT NULL, 
	guild_id BIGINT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	actor VARCHAR(40) NOT NULL, 
	action VARCHAR(20) NOT NULL, 
	subject VARCHAR(64) NOT NULL, 
	"before" JSON, 
	"after" JSON, 
	PRIMARY KEY (id)
);
CREATE TABLE best_posts (
	id VARCHAR(16) NOT NULL, 
	guild_id BIGINT NOT NULL, 
	slot VARCHAR(40) NOT NULL, 
	due_at DATETIME NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	owner VARCHAR(16), 
	channel_id BIGINT, 
	message_id BIGINT, 
	PRIMARY KEY (id), 
	CONSTRAINT best_posts_once UNIQUE (guild_id, slot)
);
CREATE TABLE blobs (
	digest VARCHAR(64) NOT NULL, 
	size BIGINT NOT NULL, 
	data BLOB NOT NULL, 
	PRIMARY KEY (digest)
);
INSERT INTO "blobs" VALUES('77af778b51abd4a3c51c5ddd97204a9c3ae614ebccb75a606c3b6865aed6744e',3,X'636174');
CREATE TABLE blocks (
	guild_id BIGINT NOT NULL, 
	member_hash VARCHAR(40) NOT NULL, 
	member_id BIGINT, 
	until DATETIME, 
	reason TEXT NOT NULL, 
	PRIMARY KEY (guild_id, member_hash)
);
CREATE TABLE "daily" (
	guild_id BIGINT NOT NULL, 
	since DATETIME NOT NULL, 
	admin_id BIGINT, 
	failures BIGINT NOT NULL, 
	reason TEXT, 
	PRIMARY KEY (guild_id)
);
CREATE TABLE "daily_posts" (
	id VARCHAR(16) NOT NULL, 
	guild_id BIGINT NOT NULL, 
	slot VARCHAR(40) NOT NULL, 
	due_at DATETIME NOT NULL, 
	state VARCHAR(8) NOT NULL, 
	tries BIGINT NOT NULL, 
	job_id VARCHAR(25), 
	recipe TEXT, 
	preset TEXT, 
	kind VARCHAR(8), 
	source TEXT, 
	digest VARCHAR(32), 
	author_id BIGINT, 
	source_channel_id BIGINT, 
	source_message_id BIGINT, 
	channel_id BIGINT, 
	message_id BIGINT, 
	posted_at DATETIME, 
	votes BIGINT NOT NULL, 
	reason TEXT, 
	owner VARCHAR(16), 
	PRIMARY KEY (id), 
	CONSTRAINT daily_posts_once UNIQUE (guild_id, slot)
);
INSERT INTO "daily_posts" VALUES('p',1,'2026-11-20T09:00','2026-11-20 08:00:00.000000','posted',1,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL);
CREATE TABLE daily_removed (
	guild_id BIGINT NOT NULL, 
	mark TEXT NOT NULL, 
	PRIMARY KEY (guild_id, mark)
);
CREATE TABLE jobs (
	id VARCHAR(25) NOT NULL, 
	kind VARCHAR(10) NOT NULL, 
	state VARCHAR(10) NOT NULL, 
	guild_id BIGINT, 
	channel_id BIGINT, 
	member_id BIGINT, 
	author_id BIGINT, 
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
	report JSON, shown_state VARCHAR(10), undeliverable TEXT, erased BOOLEAN DEFAULT 0 NOT NULL, input_bytes BIGINT DEFAULT '0' NOT NULL, preset VARCHAR(31), action VARCHAR(10), origin_channel_id BIGINT, origin_message_id BIGINT, variants JSON, root VARCHAR(25), consented_at DATETIME, explicit BOOLEAN DEFAULT 0 NOT NULL, album_message_id BIGINT, album_number BIGINT, pings BOOLEAN DEFAULT '0' NOT NULL, language VARCHAR(8) DEFAULT 'en' NOT NULL, 
	PRIMARY KEY (id), 
	UNIQUE (request_message_id)
);
INSERT INTO "jobs" VALUES('job0','dream','queued',1,2,3,3,10,20,NULL,NULL,'block8',1,64,64,2.0,1,0,10000000,'2026-11-20 09:00:00.000000',NULL,NULL,NULL,NULL,NULL,NULL,NULL,'queued',NULL,0,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,0,'en');
INSERT INTO "jobs" VALUES('job1','dream','done',1,2,3,3,11,21,NULL,NULL,'block8',1,64,64,2.0,1,0,10000000,'2026-11-20 09:00:00.000000',NULL,NULL,'2026-11-20 09:00:00.000000',NULL,NULL,NULL,NULL,'queued',NULL,0,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,0,'en');
INSERT INTO "jobs" VALUES('job2','dream','done',1,2,3,3,12,22,NULL,NULL,'block8',1,64,64,2.0,1,0,10000000,'2026-11-20 09:00:00.000000',NULL,NULL,'2026-11-20 10:00:00.000000',NULL,NULL,NULL,NULL,'done',NULL,0,3,NULL,NULL,NULL,NULL,NULL,NULL,NULL,0,NULL,NULL,0,'en');
CREATE TABLE notices (
	name VARCHAR(16) NOT NULL, 
	text TEXT NOT NULL, 
	PRIMARY KEY (name)
);
CREATE TABLE opt_outs (
	member_hash VARCHAR(40) NOT NULL, 
	matter VARCHAR(8) NOT NULL, 
	PRIMARY KEY (member_hash, matter)
);
CREATE TABLE paces (
	"key" VARCHAR(64) NOT NULL, 
	"values" JSON NOT NULL, 
	PRIMARY KEY ("key")
);
CREATE TABLE pictures (
	job_id VARCHAR(25) NOT NULL, 
	role VARCHAR(8) NOT NULL, 
	digest VARCHAR(64) NOT NULL, 
	PRIMARY KEY (job_id, role), 
	FOREIGN KEY(job_id) REFERENCES jobs (id) ON DELETE CASCADE, 
	FOREIGN KEY(digest) REFERENCES blobs (digest)
);
INSERT INTO "pictures" VALUES('job0','source','77af778b51abd4a3c51c5ddd97204a9c3ae614ebccb75a606c3b6865aed6744e');
INSERT INTO "pictures" VALUES('job1','source','77af778b51abd4a3c51c5ddd97204a9c3ae614ebccb75a606c3b6865aed6744e');
INSERT INTO "pictures" VALUES('job2','source','77af778b51abd4a3c51c5ddd97204a9c3ae614ebccb75a606c3b6865aed6744e');
CREATE TABLE processes (
	id VARCHAR(16) NOT NULL, 
	alive_until DATETIME NOT NULL, 
	PRIMARY KEY (id)
);
CREATE TABLE server_presets (
	guild_id BIGINT NOT NULL, 
	name VARCHAR(32) NOT NULL, 
	recipe TEXT NOT NULL, 
	PRIMARY KEY (guild_id, name)
);
CREATE TABLE servers (
	guild_id BIGINT NOT NULL, 
	verdict VARCHAR(8), 
	left_at DATETIME, 
	PRIMARY KEY (guild_id)
);
CREATE TABLE settings (
	guild_id BIGINT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	name VARCHAR(40) NOT NULL, 
	value JSON NOT NULL, 
	PRIMARY KEY (guild_id, channel_id, name)
);
INSERT INTO "settings" VALUES(1,0,'prefix','"?"');
CREATE TABLE starred (
	job_id VARCHAR(25) NOT NULL, 
	guild_id BIGINT NOT NULL, 
	channel_id BIGINT NOT NULL, 
	message_id BIGINT NOT NULL, 
	member_id BIGINT, 
	author_id BIGINT, 
	preset VARCHAR(31), 
	recipe TEXT NOT NULL, 
	spoiler BOOLEAN NOT NULL, 
	dreamt_at DATETIME NOT NULL, 
	stars BIGINT NOT NULL, 
	withdrawn BOOLEAN NOT NULL, 
	generation BIGINT NOT NULL, 
	observed BIGINT NOT NULL, 
	owner VARCHAR(16), 
	placing VARCHAR(8) NOT NULL, 
	post_channel_id BIGINT, 
	post_message_id BIGINT, 
	posted_at DATETIME, 
	shown_stars BIGINT NOT NULL, 
	best_id VARCHAR(16), 
	PRIMARY KEY (job_id), 
	UNIQUE (message_id)
);
CREATE INDEX jobs_by_member ON jobs (member_id, state);
CREATE INDEX jobs_by_state ON jobs (state, owner);
CREATE INDEX jobs_by_guild ON jobs (guild_id, state);
CREATE INDEX jobs_by_finish ON jobs (finished_at);
CREATE INDEX ix_jobs_status_message_id ON jobs (status_message_id);
CREATE INDEX audit_by_guild ON audit (guild_id, id);
CREATE INDEX jobs_unshown ON jobs (owner) WHERE undeliverable IS NULL AND (shown_state IS NULL OR shown_state != state);
CREATE INDEX daily_posts_by_due ON daily_posts (state, due_at);
CREATE INDEX ix_daily_posts_source_message_id ON daily_posts (source_message_id);
CREATE INDEX ix_daily_posts_message_id ON daily_posts (message_id);
CREATE INDEX ix_pictures_digest ON pictures (digest);
CREATE INDEX jobs_by_author ON jobs (author_id);
CREATE INDEX ix_starred_best_id ON starred (best_id);
CREATE INDEX starred_by_guild ON starred (guild_id, dreamt_at);
CREATE INDEX ix_starred_member_id ON starred (member_id);
CREATE INDEX ix_starred_author_id ON starred (author_id);
CREATE INDEX ix_starred_post_message_id ON starred (post_message_id);
CREATE INDEX starred_unsettled ON starred (guild_id) WHERE generation != observed;
CREATE INDEX ix_best_posts_state ON best_posts (state);
CREATE UNIQUE INDEX jobs_by_album ON jobs (album_message_id, album_number);
COMMIT;
