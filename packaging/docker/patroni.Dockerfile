# A node of compose-ha.yaml: the image with Debian's Patroni, etcd and a client of it.
ARG IMAGE=postgres-session-triggers:18
FROM $IMAGE
RUN apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
	etcd-server patroni python3-etcd \
	&& rm -rf /var/lib/apt/lists/* /var/cache/apt/*
USER postgres
