# PgBouncer as compose.yaml has it: a pool for user postgres, before the primary.
FROM debian:trixie-slim
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends pgbouncer \
	&& rm -rf /var/lib/apt/lists/* /var/cache/apt/*
COPY pgbouncer.ini /etc/pgbouncer/
USER postgres
EXPOSE 6432
