// The agent's client of etcd.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <memory>

#include "adapters/etcd/etcd_store.h"
#include "site/host_config.h"

namespace gemel::agent {

/// Errors name the certificate file that is wrong.
Result<std::unique_ptr<adapters::etcd::EtcdStore>> open_store(boost::asio::any_io_executor executor,
                                                              const site::HostConfig& config);

}  // namespace gemel::agent
