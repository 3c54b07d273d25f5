// SPDX-License-Identifier: Apache-2.0
// Debian's chromium, one worker, no retries: the pages are tested in order against one real server.
const { defineConfig } = require('@playwright/test');

module.exports = defineConfig({
	testDir: '.',
	workers: 1,
	retries: 0,
	timeout: Number(process.env.HIM_TEST_LIMIT || 120) * 1000,
	expect: { timeout: Number(process.env.HIM_TEST_LIMIT || 120) * 250 },
	reporter: [['line'], ['json', { outputFile: process.env.HIM_BROWSER_JSON || 'test-results/report.json' }]],
	use: {
		ignoreHTTPSErrors: true, // the server's own CA; that it is checked elsewhere is tested elsewhere
		baseURL: process.env.HIM_URL,
		viewport: { width: 1280, height: 800 },
		launchOptions: {
			executablePath: process.env.CHROMIUM || '/usr/bin/chromium',
			args: ['--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'],
		},
	},
});
