// The addon as JavaScript sees it; src/native.ts declares the same. Everything belongs to one environment: worker threads
// that load the addon have devices of their own.
#include <napi.h>

#include <memory>
#include <set>

#include "device.h"
#include "heap.h"

namespace scanline {
namespace {

/** A promise that waits for the device. Touched on JavaScript's thread only, but for its address. */
struct Completion {
  Napi::Promise::Deferred deferred;
  /** What it resolves with, if anything. */
  Napi::Reference<Napi::Uint8Array> value;
};

class DeviceObject;
void settle(Napi::Env env, Napi::Function, DeviceObject* device, Completion* completion);
using Settler = Napi::TypedThreadSafeFunction<DeviceObject, Completion, settle>;
using ProgramHandle = Napi::External<std::shared_ptr<const Program>>;

std::byte* address(const Napi::Value& value) {
  return reinterpret_cast<std::byte*>(static_cast<uintptr_t>(value.As<Napi::Number>().DoubleValue()));
}

class DeviceObject : public Napi::ObjectWrap<DeviceObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Device",
                       {
                           InstanceAccessor<&DeviceObject::level>("level"),
                           InstanceAccessor<&DeviceObject::lanes>("lanes"),
                           InstanceAccessor<&DeviceObject::brain>("bf16"),
                           InstanceAccessor<&DeviceObject::failure>("failure"),
                           InstanceAccessor<&DeviceObject::reserved>("reserved"),
                           InstanceMethod<&DeviceObject::alloc>("alloc"),
                           InstanceMethod<&DeviceObject::free>("free"),
                           InstanceMethod<&DeviceObject::write>("write"),
                           InstanceMethod<&DeviceObject::read>("read"),
                           InstanceMethod<&DeviceObject::done>("done"),
                           InstanceMethod<&DeviceObject::program>("program"),
                           InstanceMethod<&DeviceObject::run>("run"),
                           InstanceMethod<&DeviceObject::launch>("launch"),
                           InstanceMethod<&DeviceObject::close>("close"),
                       });
  }

  /** new Device(threads, level) */
  explicit DeviceObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<DeviceObject>(info) {
    const Napi::Env env = info.Env();
    const int threads = info[0].As<Napi::Number>().Int32Value();
    try {
      device_ = std::make_unique<Device>(chooseLevel(info[1].As<Napi::String>()), threads);
    } catch (const std::exception& error) {
      throw Napi::Error::New(env, error.what());
    }
    settler_ = Settler::New(env, "scanline", 0, 1, this);
    settler_.Unref(env);
    // Registered after the settler's own hook, so that it runs before it: no thread may settle once that is gone.
    napi_add_env_cleanup_hook(env, atExit, this);
  }

  /** Forgotten without `close`. */
  void Finalize(Napi::Env env) override {
    if (device_) end(env);
  }

  void settled(Napi::Env env, Completion* completion) {
    const Napi::HandleScope scope(env);
    const std::unique_ptr<Completion> done = take(env, completion);
    const std::string failure = device_ ? device_->failure() : "";
    if (!failure.empty()) done->deferred.Reject(Napi::Error::New(env, failure).Value());
    else if (done->value.IsEmpty()) done->deferred.Resolve(env.Undefined());
    else done->deferred.Resolve(done->value.Value());
  }

 private:
  Napi::Value level(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), device_->level().name); }
  Napi::Value lanes(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), device_->level().lanes); }
  Napi::Value brain(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), hasBrain(device_->level())); }
  Napi::Value failure(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), device_->failure()); }
  Napi::Value reserved(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(heap_.reserved()));
  }

  /** alloc(bytes): an address, 0 where there is no memory. */
  Napi::Value alloc(const Napi::CallbackInfo& info) {
    const auto bytes = static_cast<size_t>(info[0].As<Napi::Number>().DoubleValue());
    return Napi::Number::New(info.Env(), static_cast<double>(reinterpret_cast<uintptr_t>(heap_.alloc(bytes))));
  }

  /** free(address) */
  void free(const Napi::CallbackInfo& info) {
    for (void* block : heap_.free(address(info[0]))) device_->push([block] { Heap::release(block); });
  }

  /** write(address, bytes) */
  void write(const Napi::CallbackInfo& info) {
    std::byte* const to = address(info[0]);
    const auto bytes = info[1].As<Napi::Uint8Array>();
    if (device_->idle()) {
      std::memcpy(to, bytes.Data(), bytes.ByteLength());
      return;
    }
    device_->push([to, copy = std::vector<uint8_t>(bytes.Data(), bytes.Data() + bytes.ByteLength())] {
      std::memcpy(to, copy.data(), copy.size());
    });
  }

  /** read(address, bytes): a promise of a Uint8Array. */
  Napi::Value read(const Napi::CallbackInfo& info) {
    const std::byte* const from = address(info[0]);
    const auto bytes = static_cast<size_t>(info[1].As<Napi::Number>().DoubleValue());
    auto array = Napi::Uint8Array::New(info.Env(), bytes);
    uint8_t* const to = array.Data();
    if (!device_->idle()) device_->push([from, to, bytes] { std::memcpy(to, from, bytes); });
    else std::memcpy(to, from, bytes);
    return promise(info.Env(), array);
  }

  /** done(): a promise that what was enqueued has finished. */
  Napi::Value done(const Napi::CallbackInfo& info) { return promise(info.Env(), {}); }

  /** program(words): a handle of a recorded program. */
  Napi::Value program(const Napi::CallbackInfo& info) {
    return ProgramHandle::New(info.Env(), new std::shared_ptr<const Program>(make(info.Env(), info[0])),
                              [](Napi::Env, std::shared_ptr<const Program>* handle) { delete handle; });
  }

  /** run(program, addresses of inputs and outputs) */
  void run(const Napi::CallbackInfo& info) {
    const std::shared_ptr<const Program>& program = *info[0].As<ProgramHandle>().Data();
    const auto addresses = info[1].As<Napi::Float64Array>();
    if (addresses.ElementLength() != program->entries()) throw Napi::Error::New(info.Env(), "the table does not fit the program");
    std::vector<std::byte*> table(program->entries());
    for (size_t i = 0; i < table.size(); i++) table[i] = reinterpret_cast<std::byte*>(static_cast<uintptr_t>(addresses[i]));
    device_->run(program, std::move(table));
  }

  /** launch(words): runs a program of fixed addresses once. */
  void launch(const Napi::CallbackInfo& info) { device_->run(make(info.Env(), info[0]), {}); }

  /** close(): stops the threads and frees everything; promises that were pending are rejected. */
  void close(const Napi::CallbackInfo& info) {
    if (!device_) return;
    const Napi::Env env = info.Env();
    end(env);
    const std::set<Completion*> left = pending_;
    for (Completion* completion : left) {
      completion->deferred.Reject(Napi::Error::New(env, "the device was disposed").Value());
      delete completion;
    }
    pending_.clear();
  }

  std::shared_ptr<const Program> make(Napi::Env env, const Napi::Value& words) {
    const auto array = words.As<Napi::Float64Array>();
    try {
      return std::make_shared<const Program>(device_->level(), device_->threads(),
                                             Reader(array.Data(), array.Data() + array.ElementLength()));
    } catch (const std::exception& error) {
      throw Napi::Error::New(env, error.what());
    }
  }

  /** Settled behind everything that was enqueued; at once where that is nothing. */
  Napi::Value promise(Napi::Env env, Napi::Uint8Array value) {
    auto* const completion = new Completion{Napi::Promise::Deferred::New(env), {}};
    if (!value.IsEmpty()) completion->value = Napi::Reference<Napi::Uint8Array>::New(value, 1);
    const Napi::Promise made = completion->deferred.Promise();
    // While something is awaited the process stays.
    if (pending_.empty()) settler_.Ref(env);
    pending_.insert(completion);
    if (device_->idle()) settled(env, completion);
    else device_->push([settler = settler_, completion] { settler.NonBlockingCall(completion); });
    return made;
  }

  std::unique_ptr<Completion> take(Napi::Env env, Completion* completion) {
    pending_.erase(completion);
    if (pending_.empty()) settler_.Unref(env);
    return std::unique_ptr<Completion>(completion);
  }

  /** After it no thread runs. */
  void end(napi_env env) {
    device_.reset();
    napi_remove_env_cleanup_hook(env, atExit, this);
    settler_.Release();
  }

  static void atExit(void* self) {
    auto* const device = static_cast<DeviceObject*>(self);
    device->device_.reset();
    for (Completion* completion : device->pending_) delete completion;
    device->pending_.clear();
  }

  std::unique_ptr<Device> device_;
  /** Freed after the device: nothing runs in it by then. */
  Heap heap_;
  Settler settler_;
  std::set<Completion*> pending_;
};

void settle(Napi::Env env, Napi::Function, DeviceObject* device, Completion* completion) {
  // Without an environment it is being torn down, and the device has dropped its promises.
  if (env == nullptr) return;
  try {
    device->settled(env, completion);
  } catch (const Napi::Error&) {
    // A worker that is being terminated runs no JavaScript any more: nobody is left to be told.
  }
}

/** burn(level, rounds): floating-point operations that were done. */
Napi::Value burn(const Napi::CallbackInfo& info) {
  const Level& level = chooseLevel(info[0].As<Napi::String>());
  return Napi::Number::New(info.Env(), level.burn(info[1].As<Napi::Number>().Int64Value()));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  exports.Set("Device", DeviceObject::define(env));
  exports.Set("levels", Napi::String::New(env, availableLevels()));
  exports.Set("burn", Napi::Function::New(env, burn));
  return exports;
}

}  // namespace
}  // namespace scanline

static Napi::Object initAddon(Napi::Env env, Napi::Object exports) { return scanline::init(env, exports); }

NODE_API_MODULE(scanline, initAddon)
