// SPDX-License-Identifier: Apache-2.0
// The plain page as a person meets it: the first login with the one-time password, machines, one machine, actions, leaving;
// without JavaScript, on a narrow screen, with a wrong password. Nothing may be said on the browser's console.
const { test, expect } = require('@playwright/test');
const { readFileSync } = require('fs');

const ONE_TIME = readFileSync(process.env.HIM_FIRST_PASSWORD_FILE, 'utf8').trim();
const OWN = 'a much longer one 42';
let complaints;

test.describe.configure({ mode: 'serial' });

test.beforeEach(async ({ page }) => {
	complaints = [];
	page.on('console', (m) => {
		// A page that answers 401 or 429 is what some tests want; the browser notes the status, the page did nothing.
		if (m.type() === 'error' && !m.text().startsWith('Failed to load resource')) complaints.push(m.text());
	});
	page.on('pageerror', (e) => complaints.push(String(e)));
});

test.afterEach(() => expect(complaints).toEqual([]));

async function login(page, user, password) {
	await page.goto('/login');
	await page.getByLabel('Name').fill(user);
	await page.getByLabel('Password', { exact: true }).fill(password);
	await page.getByRole('button', { name: 'Log in' }).click();
}

async function fitsTheWindow(page) {
	await page.waitForLoadState('load'); // its style sheet as well
	const [inner, whole] = await page.evaluate(() => [window.innerWidth, document.documentElement.scrollWidth]);
	expect(whole).toBeLessThanOrEqual(inner);
}

test('without a login every page is the login page, with a policy that allows no script', async ({ page }) => {
	for (const path of ['/', '/actions', '/machines/x']) {
		const answer = await page.goto(path);
		expect(answer.status()).toBe(401);
		const policy = answer.headers()['content-security-policy'];
		expect(policy).toContain("default-src 'none'");
		expect(policy).not.toContain('script-src');
		expect(answer.headers()['x-frame-options']).toBe('DENY');
		await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible();
		await expect(page.getByText('Log out')).toHaveCount(0);
	}
});

test('a wrong password is one sentence, and the name stays', async ({ page }) => {
	await login(page, 'admin', 'certainly not this');
	await expect(page.getByRole('alert')).toBeVisible();
	await expect(page.getByLabel('Name')).toHaveValue('admin');
	await expect(page.getByLabel('Password', { exact: true })).toHaveValue('');
});

test('the one-time password asks for one of your own; two that differ are refused; then the machines are there', async ({ page }) => {
	await login(page, 'admin', ONE_TIME);
	await expect(page.getByText('choose your own')).toBeVisible();
	const fill = async (again) => {
		await page.getByLabel('One-time password').fill(ONE_TIME);
		await page.getByLabel('New password, 12 characters or more').fill(OWN);
		await page.getByLabel('The new password again').fill(again);
		await page.getByRole('button', { name: 'Log in' }).click();
	};
	await fill(OWN + 'x');
	await expect(page.getByRole('alert')).toBeVisible();
	await fill(OWN);
	await expect(page.getByRole('heading', { name: 'Machines' })).toBeVisible();
});

test('machines with their states; the search finds and says when it does not understand', async ({ page }) => {
	await login(page, 'admin', OWN);
	await expect(page.getByRole('row')).toHaveCount(3);
	await expect(page.getByRole('row', { name: /alpha/ })).toContainText('online');
	await expect(page.getByRole('row', { name: /beta/ })).toContainText('offline');
	await page.getByRole('textbox', { name: 'Query' }).fill('state:offline');
	await page.getByRole('button', { name: 'Find' }).click();
	await expect(page.getByRole('row')).toHaveCount(2);
	await page.getByRole('textbox', { name: 'Query' }).fill('nosuchfield:1');
	await page.keyboard.press('Enter');
	await expect(page.getByRole('alert')).toContainText('nosuchfield');
	await expect(page.getByRole('textbox', { name: 'Query' })).toHaveValue('nosuchfield:1');
});

test('one machine: what it is, its interfaces, its latest actions', async ({ page }) => {
	await login(page, 'admin', OWN);
	await page.getByRole('link', { name: 'alpha' }).click();
	await expect(page.getByRole('heading', { name: 'alpha', exact: true })).toBeVisible();
	await expect(page.getByText('Kernel')).toBeVisible();
	await expect(page.getByRole('heading', { name: 'Latest actions' })).toBeVisible();
	await expect(page.getByRole('heading', { name: 'Interfaces' })).toBeVisible();
});

test('actions: the latest, one with its results, the output as text and never as markup', async ({ page }) => {
	await login(page, 'admin', OWN);
	await page.getByRole('link', { name: 'Actions' }).click();
	await page.getByRole('link', { name: /from the page/ }).click();
	await expect(page.getByRole('row', { name: /alpha/ })).toContainText('done');
	await page.getByRole('row', { name: /alpha/ }).getByRole('link').first().click();
	await expect(page.locator('pre').first()).toContainText('<b>from the page</b>');
	await expect(page.locator('pre b')).toHaveCount(0);
});

test('the cookie is out of reach for scripts and other sites, and logging out ends the session', async ({ page, context }) => {
	await login(page, 'admin', OWN);
	await expect(page.getByRole('heading', { name: 'Machines' })).toBeVisible();
	const cookies = await context.cookies();
	expect(cookies.length).toBeGreaterThan(0);
	for (const c of cookies) expect([c.httpOnly, c.secure, c.sameSite]).toEqual([true, true, 'Strict']);
	await page.getByRole('button', { name: 'Log out' }).click();
	await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible();
	await context.addCookies(cookies);
	expect((await page.goto('/')).status()).toBe(401);
});

test('without JavaScript all of it works the same', async ({ browser }) => {
	const context = await browser.newContext({ javaScriptEnabled: false, ignoreHTTPSErrors: true, baseURL: process.env.HIM_URL });
	const page = await context.newPage();
	await login(page, 'admin', OWN);
	await page.getByRole('link', { name: 'alpha' }).click();
	await expect(page.getByRole('heading', { name: 'alpha', exact: true })).toBeVisible();
	await page.getByRole('button', { name: 'Log out' }).click();
	await expect(page.getByRole('button', { name: 'Log in' })).toBeVisible();
	await context.close();
});

test('on a narrow screen no page is wider than the window', async ({ page }) => {
	await page.setViewportSize({ width: 360, height: 740 });
	await page.goto('/login');
	await fitsTheWindow(page);
	await login(page, 'admin', OWN);
	await expect(page.getByRole('heading', { name: 'Machines' })).toBeVisible();
	await fitsTheWindow(page);
	if (process.env.HIM_SHOTS) await page.screenshot({ path: `${process.env.HIM_SHOTS}/narrow.png` });
	await page.getByRole('link', { name: 'alpha' }).click();
	await expect(page.getByRole('heading', { name: 'alpha', exact: true })).toBeVisible();
	await fitsTheWindow(page);
	await page.getByRole('link', { name: 'Actions' }).click();
	await expect(page.getByRole('heading', { name: 'Actions' })).toBeVisible();
	await fitsTheWindow(page);
});

if (process.env.HIM_SHOTS)
test('who looks closely sees nothing out of place', async ({ page }) => {
	await page.goto('/login');
	await page.screenshot({ path: `${process.env.HIM_SHOTS}/login.png` });
	await login(page, 'admin', OWN);
	await page.screenshot({ path: `${process.env.HIM_SHOTS}/machines.png` });
	await page.getByRole('link', { name: 'alpha' }).click();
	await page.screenshot({ path: `${process.env.HIM_SHOTS}/machine.png`, fullPage: true });
	await page.getByRole('link', { name: 'Actions' }).click();
	await page.screenshot({ path: `${process.env.HIM_SHOTS}/actions.png` });
	await page.getByRole('link', { name: /from the page/ }).click();
	await page.screenshot({ path: `${process.env.HIM_SHOTS}/action.png` });
});

test('after wrong passwords one has to wait, with the right one too', async ({ page }) => {
	let text = '';
	const seconds = () => Number((text.match(/again in (\d+) s/) || [0, 0])[1]);
	for (let i = 0; i < 100 && seconds() < 8; i++) { // the wait grows; eight seconds are enough for one more try
		await login(page, 'admin', `wrong ${i}`);
		text = await page.getByRole('alert').textContent(); // a try that is broken off does not count
	}
	expect(seconds()).toBeGreaterThanOrEqual(8);
	await login(page, 'admin', OWN);
	await expect(page.getByRole('alert')).toContainText('again in');
	await expect(page.getByRole('heading', { name: 'Machines' })).toHaveCount(0);
});
