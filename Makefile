# 扫码墩 paybox: `make demo` 演示，`make test` 全部测试。其余见 `make help`。
# Stamps inside .venv make a second run quick: they are renewed when pyproject.toml changes.

VENV ?= .venv
BIN := $(VENV)/bin
PYTHON ?= $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done)
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
WORKERS ?= 2
ROWS ?= 1000000
# Played and found without a violation; `make prove` goes from seed 1 to SEEDS.
SIMULATE_SEEDS ?= 1..451
SEEDS ?= 20000
REV ?= HEAD~1
SIMULATED ?= 100000
SIMULATE_MINUTES ?= 4

.PHONY: help image image-twice test-image release pictures demo test test-postgresql test-scanner check bench bench-compare bench-center morning idle soak fuzz matrix round-trips power-cuts prove format docs messages screens pages wiring kit-windows clean

help:
	@echo "make demo     演示：模拟硬件、两家支付网关、收费窗口网页 / the whole desk, simulated"
	@echo "make test     全部测试与覆盖率 / every test, with coverage"
	@echo "make test-scanner  扫码枪驱动在 QEMU 的真实内核上 / the scanner drivers on a real kernel, in QEMU"
	@echo "make test-postgresql  统计中心的测试在真实的 PostgreSQL 上 / the centre on a real PostgreSQL"
	@echo "make check    代码检查，一分钟内 / style, types, layers"
	@echo "make bench    十分钟内测出每项指标，写入 docs/figures.md / every figure with its limit"
	@echo "make bench-compare REV=main~5  与某一版本相比 / what changed since a revision"
	@echo "make bench-center ROWS=1000000  统计中心：收数、查询、导出、对账 / the centre with many rows"
	@echo "make morning  一天的收退、对账单与 HIS 清单各有差异，对账页逐条点名 / every planted difference is named"
	@echo "make idle     空闲一分钟：每秒唤醒次数、写盘字节 / a minute of doing nothing: wake-ups, writes"
	@echo "make soak     十万笔，内存、句柄、线程不增 / 100,000 payments in one process, nothing grows"
	@echo "make fuzz     十分钟乱码攻击每个解析器 / every parser against mutated input"
	@echo "make matrix   好线、坏线、断线，结果都一样 / the same conversations on good and bad lines"
	@echo "make round-trips  付款途中 HIS 的 ENQ、查询、自检各等多久 / how long the HIS waits during a payment"
	@echo "make prove    模拟的坏运气、每次写盘断电、乱码、真断电，数小时 / the long proof, hours"
	@echo "make image    制作存储卡映像（Debian，需 root，约两分钟）/ the flashable card: as root on Debian"
	@echo "make test-image 整卡在 QEMU 里：配置、收款、拔插、断网、断电、升级（需 root）/ the whole card, emulated"
	@echo "make release  打包并在每个 Python 上试装，物料清单与许可 / wheel, sdist, bill of materials"
	@echo "make kit-windows  HIS 接口 DLL（mingw-w64），并在 Wine 下对真扫码墩测试 / the C client as DLLs"
	@echo "make power-cuts  付款途中随机断电 250 次，三本账相符 / kill -9 in mid-payment, books compared"
	@echo "make format   排版 / format the code"
	@echo "make docs     由代码重新生成文档 / render the generated documents"
	@echo "make messages 收集统计中心的文字、编译英文 / the centre's texts and their English"
	@echo "make screens  重新绘制屏幕样图 / draw every screen again"
	@echo "make wiring   重新绘制接线图 / draw the wiring pictures again"
	@echo "make pictures 重新截取演示页 / the picture of the demo page again"
	@echo "make pages    重新绘制统计中心各页的样图 / draw every page of the centre again"
	@echo "make clean    删除生成物 / remove what was made here"

demo: $(VENV)/.installed
	@$(BIN)/paybox demo

# With ARGS only what is named: `make test ARGS=tests/journal`; without, the simulation as well.
test: $(VENV)/.tests
	@$(BIN)/python tests/independent/make_environments.py
	@$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(WORKERS) $(ARGS)
	@$(BIN)/coverage combine --quiet
	@$(if $(ARGS),,$(BIN)/coverage report)
	$(if $(ARGS),,$(BIN)/paybox simulate --seeds $(SIMULATE_SEEDS) --enough $(SIMULATED) --minutes $(SIMULATE_MINUTES))

# With PyPI's evdev and with Debian 12's. Needs: apt-get install qemu-system-x86 busybox-static cpio kmod
test-scanner: $(VENV)/.installed
	@$(BIN)/python tests/independent/make_environments.py
	@$(BIN)/python -m simulators.scanner_vm
	@.venv-evdev/bin/python -m simulators.scanner_vm

# Needs: apt-get install postgresql. The server runs in a temporary folder and is gone afterwards.
test-postgresql: $(VENV)/.tests
	@$(PIP) install --editable '.[postgresql]'
	@$(BIN)/python -m simulators.postgresql $(BIN)/python -m pytest tests/center $(ARGS)

check: $(VENV)/.checks
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(VENV)/.tests
	@$(BIN)/python -m simulators.bench $(ARGS)

bench-compare: $(VENV)/.installed
	@$(BIN)/python -m simulators.bench.compare $(REV)

# ARGS=--postgresql: on a PostgreSQL server of its own instead of SQLite.
bench-center: $(VENV)/.tests
	@$(BIN)/python -m simulators.center_bench --rows $(ROWS) $(ARGS)

# A real box's day, a real centre, changed bills and a changed HIS list: found = planted, or exit 1.
morning: $(VENV)/.installed
	@$(BIN)/python -m simulators.morning $(ARGS)

idle: $(VENV)/.installed
	@$(BIN)/python -m simulators.idle $(ARGS)

soak: $(VENV)/.installed
	@$(BIN)/python -m simulators.soak $(ARGS)

fuzz: $(VENV)/.installed
	@$(BIN)/python -m simulators.fuzz $(ARGS)

# The long proof, hours: random histories, every disk operation cut, every call failed, planted bugs,
# mutated input, real power cuts. SEEDS bounds it; it goes on where it was interrupted (.prove/).
prove: $(VENV)/.tests
	@$(BIN)/python -m simulators.prove --seeds $(SEEDS) $(ARGS)

matrix: $(VENV)/.installed
	@$(BIN)/python -m simulators.matrix $(ARGS)

round-trips: $(VENV)/.installed
	@$(BIN)/python -m simulators.round_trips $(ARGS)

# The C client for Windows: two DLLs, and its test under Wine against a real box.
# Debian: apt install gcc-mingw-w64-i686-win32 gcc-mingw-w64-x86-64-win32 wine64 wine
kit-windows: $(VENV)/.tests
	@mkdir -p build/kit
	i686-w64-mingw32-gcc -std=c99 -O2 -shared -o build/kit/paybox_his32.dll his_kit/c/paybox_his.c \
		his_kit/c/paybox_his.def -lws2_32 -static -s -Wl,--kill-at -Wl,--enable-stdcall-fixup
	x86_64-w64-mingw32-gcc -std=c99 -O2 -shared -o build/kit/paybox_his64.dll his_kit/c/paybox_his.c \
		his_kit/c/paybox_his.def -lws2_32 -static -s
	$(BIN)/python -m pytest tests/flows/test_kit_windows.py
	@ls -l build/kit

# The card: build/image/paybox.img. Needs root and Debian's packages; it names those that are missing.
image: $(VENV)/.installed
	@$(BIN)/python -m image

# Two builds on end: the same bytes, or exit 1.
image-twice: image
	@$(BIN)/python -m image --out build/image-again
	cmp build/image/paybox.img build/image-again/paybox.img
	@echo "同样的字节 / the same bytes"

# The card as it was built, in an emulated machine with a desk around it. As root. Needs:
# apt-get install qemu-system-arm wireguard-go wireguard-tools mtools. ARGS="--cuts 3 --scenes payments"
test-image: $(VENV)/.tests
	@$(BIN)/python -m tests.image.whole $(ARGS)

# dist/: wheel and sdist, tried on every Python that is here; bill of materials, licences, pins.
release: $(VENV)/.installed
	@$(PIP) install --group release
	@$(BIN)/python -m release

power-cuts: $(VENV)/.installed
	@$(BIN)/python -m simulators.power_cuts --rounds 250 $(ARGS)

format: $(VENV)/.checks
	$(BIN)/ruff format
	$(BIN)/ruff check --fix

docs: $(VENV)/.installed
	$(BIN)/python docs/generate_states.py
	$(BIN)/python docs/generate_quick_start.py

# Collects the centre's texts for translation and compiles the English. Needs: apt-get install gettext
messages: $(VENV)/.installed
	cd center && DJANGO_SETTINGS_MODULE=center.settings ../$(BIN)/python -m django makemessages -l en --no-location --no-wrap --no-obsolete
	cd center && msgattrib --untranslated --no-wrap locale/en/LC_MESSAGES/django.po
	msgfmt -o center/locale/en/LC_MESSAGES/django.mo center/locale/en/LC_MESSAGES/django.po

# Needs Debian's chromium and chromium-driver.
pages: $(VENV)/.tests
	@$(BIN)/python -m simulators.center_pages docs/pages

screens: $(VENV)/.installed
	@$(BIN)/python -m device.display.sheet docs/screens

# The README's picture of the demo page, by a test that pays. Needs: apt-get install chromium-driver
pictures: $(VENV)/.tests
	@PAYBOX_SCREENSHOTS=build/screenshots $(BIN)/python -m pytest -q \
		tests/browser/test_desk_page.py::test_a_payment_is_a_success_on_all_three_sides
	@$(BIN)/python docs/draw_desk.py build/screenshots/3-paid.png

wiring: $(VENV)/.installed
	@$(BIN)/python docs/draw_wiring.py

clean:
	rm -rf $(VENV) .venv-* build dist *.egg-info htmlcov .coverage .coverage.* .pytest_cache .mypy_cache \
		.ruff_cache .import_linter_cache .hypothesis demo-data
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "需要 Python 3.11 或更高版本 / Python 3.11 or later is needed"; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || \
		{ echo "缺少 venv 模块，Debian 请先安装 / on Debian first: apt install python3-venv"; exit 1; }
	@$(PYTHON) -m venv $(VENV)

# evdev is published as source only: without Linux and a compiler the demo still works.
$(VENV)/.installed: pyproject.toml | $(BIN)/python
	@echo "安装 paybox，首次约一分钟 / installing, about a minute the first time"
	@$(PIP) install --upgrade "pip>=25.1" 2>&1 | grep -v WARNING: || true
	@$(PIP) install --editable '.[center]' >$(VENV)/install.log 2>&1 || { cat $(VENV)/install.log; exit 1; }
	@$(PIP) install --editable '.[hardware]' >$(VENV)/hardware.log 2>&1 || \
		echo "真实扫码枪（evdev）不可用，演示不受影响 / no real scanner here (needs Linux and a compiler)"
	@touch $@

$(VENV)/.tests: $(VENV)/.installed
	@$(PIP) install --group test
	@touch $@

$(VENV)/.checks: $(VENV)/.tests
	@$(PIP) install --group check
	@touch $@
