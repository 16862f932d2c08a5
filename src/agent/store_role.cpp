#include "agent/store_role.h"

namespace gemel::agent {

Result<std::unique_ptr<adapters::etcd::EtcdStore>> open_store(boost::asio::any_io_executor executor,
                                                              const site::HostConfig& config) {
  adapters::etcd::EtcdStoreConfig store;
  store.site = config.site;
  for (const auto& host : config.hosts_with(site::Concept::voter)) {
    runtime::Endpoint endpoint;
    endpoint.address = host.address;
    endpoint.port = config.ports.etcd_client;
    store.voters.push_back({host.id(), std::move(endpoint)});
  }
  store.tls = {config.pki("etcd-ca.crt"), config.pki("etcd-client.crt"), config.pki("etcd-client.key")};
  return adapters::etcd::EtcdStore::open(executor, std::move(store));
}

}  // namespace gemel::agent
