-- The tables that version 0.1.0 (9951f6e) made in SQLite.
CREATE TABLE bucket_objects (
    bucket VARCHAR(255) NOT NULL,
    "key" VARCHAR(1024) NOT NULL,
    modified FLOAT NOT NULL,
    etag VARCHAR(80) NOT NULL,
    storage_class VARCHAR(32),
    metadata TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (bucket, "key")
);
CREATE TABLE bucket_settings (
    bucket VARCHAR(255) NOT NULL,
    name VARCHAR(64) NOT NULL,
    "query" TEXT NOT NULL,
    headers TEXT NOT NULL,
    body BLOB NOT NULL,
    PRIMARY KEY (bucket, name)
);
CREATE TABLE buckets (
    name VARCHAR(255) NOT NULL,
    region VARCHAR(32) NOT NULL,
    PRIMARY KEY (name)
);
CREATE TABLE events (
    id INTEGER NOT NULL,
    job_id INTEGER NOT NULL,
    at FLOAT NOT NULL,
    message TEXT NOT NULL,
    PRIMARY KEY (id)
);
CREATE INDEX ix_events_job_id ON events (job_id);
CREATE TABLE jobs (
    id INTEGER NOT NULL,
    name VARCHAR(63) NOT NULL,
    name_key VARCHAR(63) NOT NULL,
    arn VARCHAR(300) NOT NULL,
    reference_code VARCHAR(28) NOT NULL,
    workteam_arn VARCHAR(256) NOT NULL,
    status VARCHAR(16) NOT NULL,
    failure_reason VARCHAR(1024),
    created FLOAT NOT NULL,
    modified FLOAT NOT NULL,
    request TEXT NOT NULL,
    categories TEXT,
    iteration INTEGER NOT NULL,
    lines INTEGER NOT NULL,
    given INTEGER NOT NULL,
    labeled INTEGER NOT NULL,
    failed INTEGER NOT NULL,
    stamp INTEGER NOT NULL,
    PRIMARY KEY (id),
    UNIQUE (name_key)
);
CREATE INDEX ix_jobs_created ON jobs (created);
CREATE INDEX ix_jobs_workteam_arn ON jobs (workteam_arn);
CREATE INDEX jobs_by_status ON jobs (status, id);
CREATE TABLE objects (
    job_id INTEGER NOT NULL,
    object_id INTEGER NOT NULL,
    state VARCHAR(8) NOT NULL,
    iteration INTEGER,
    answered FLOAT,
    stamp INTEGER,
    line TEXT NOT NULL,
    result TEXT,
    PRIMARY KEY (job_id, object_id)
);
CREATE INDEX objects_by_state ON objects (job_id, state, object_id);
CREATE TABLE tags (
    arn VARCHAR(256) NOT NULL,
    "key" VARCHAR(128) NOT NULL,
    value VARCHAR(256) NOT NULL,
    PRIMARY KEY (arn, "key")
);
CREATE TABLE tasks (
    id INTEGER NOT NULL,
    job_id INTEGER NOT NULL,
    object_id INTEGER NOT NULL,
    state VARCHAR(9) NOT NULL,
    tries INTEGER NOT NULL,
    worker_id VARCHAR(100),
    expires FLOAT NOT NULL,
    accepted FLOAT,
    due FLOAT,
    answer TEXT,
    PRIMARY KEY (id),
    UNIQUE (job_id, object_id, worker_id)
);
CREATE INDEX tasks_by_state ON tasks (job_id, state);
CREATE TABLE workteams (
    name_key VARCHAR(63) NOT NULL,
    name VARCHAR(63) NOT NULL,
    arn VARCHAR(256) NOT NULL,
    description VARCHAR(200) NOT NULL,
    members TEXT NOT NULL,
    settings TEXT NOT NULL,
    created FLOAT NOT NULL,
    updated FLOAT NOT NULL,
    PRIMARY KEY (name_key),
    UNIQUE (arn)
);
