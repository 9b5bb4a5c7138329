# hook call
f0:
    mov %r6, %r1
    mov %r1, 7
    stxdw [%r10-8], %r1
    mov %r1, %r10
    add %r1, -8
    mov %r4, %r10
    add %r4, -24
    mov %r2, 8
    mov %r3, 0
    call 1
    mov %r1, %r0
    mov %r0, -1
    jslt %r1, 0, i38
    ldxdw %r1, [%r10-24]
    ldxdw %r0, [%r10-16]
    sub %r0, %r1
    ldxdw %r3, [%r6]
    ldxdw %r2, [%r6+8]
    sub %r2, %r3
    mov %r4, %r0
    jgt %r0, %r2, i22
    mov %r4, %r2
i22:
    jeq %r4, 0, i37
    mov %r5, 0
    ja i27
i25:
    add %r5, 1
    jge %r5, %r4, i37
i27:
    mov %r7, %r1
    add %r7, %r5
    mov %r6, %r3
    add %r6, %r5
    ldxb %r6, [%r6]
    ldxb %r7, [%r7]
    jeq %r7, %r6, i25
    sub %r7, %r6
    mov %r0, %r7
    ja i38
i37:
    sub %r0, %r2
i38:
    exit
