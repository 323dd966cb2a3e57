# The image as CloudNativePG wants it: its user is 26, and all locales are there. The
# operator starts the server itself, without the entrypoint.
ARG IMAGE=postgres-session-triggers:18
FROM $IMAGE
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends locales-all \
	&& rm -rf /var/lib/apt/lists/* /var/cache/apt/* \
	&& usermod --uid 26 postgres \
	&& chown postgres /var/run/postgresql
USER 26
